"""Characters that arrive in halves, and those that no database takes."""


def whole(text: str) -> tuple[str, str]:
    """Return `text` up to the first half of a surrogate pair at its end, and that half.

    Servers that count in UTF-16 may send the halves of one character in two events.
    """
    return (text[:-1], text[-1]) if "\ud800" <= text[-1:] <= "\udbff" else (text, "")


def clean(text: str) -> str:
    """Return `text` without what no database takes: NUL, and halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\0", "")
    units = text.replace("\0", "").encode("utf-16-le", "surrogatepass")
    return units.decode("utf-16-le", "replace")
