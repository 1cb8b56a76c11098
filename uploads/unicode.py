"""Clean text of characters that a database cannot take."""

REPLACEMENT = "\ufffd"


def storable(text: str) -> str:
    """Return `text` with U+FFFD for what no database stores: NUL and unpaired surrogates."""
    text = text.replace("\0", REPLACEMENT)
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
