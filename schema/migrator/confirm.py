"""Ask the operator, where there is a terminal."""

import sys


def at_terminal() -> bool:
    """Return whether somebody can answer a question."""
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # closed
        return False


def answer_to(question: str) -> str:
    """Return what somebody types."""
    try:
        return input(question).strip().lower()
    except EOFError:
        return ""
