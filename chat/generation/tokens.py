"""Estimate how many tokens a text is.

Tokenizers differ from model to model, and servers do not publish theirs. The rule of thumb for
English is four characters a token. The estimate uses three, and one token for each character
outside ASCII. If it is still too low, produce.CONTEXT_SHARES helps.
"""

CHARACTERS_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 8  # the marks around a message in common chat templates


def estimate_tokens(text: str) -> int:
    """Estimate the number of tokens of a message, rather too high than too low."""
    plain = sum(character.isascii() for character in text)
    return plain // CHARACTERS_PER_TOKEN + (len(text) - plain) + TOKENS_PER_MESSAGE
