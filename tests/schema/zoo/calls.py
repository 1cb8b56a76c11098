"""How often the code of each migration was called, and in which direction."""

from collections import Counter

CALLS: Counter[tuple[str, str]] = Counter()


def forwards(migration: str) -> None:
    CALLS[migration, "forwards"] += 1


def backwards(migration: str) -> None:
    CALLS[migration, "backwards"] += 1
