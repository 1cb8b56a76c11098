"""What came of an import, for the person."""

from collections import Counter
from dataclasses import dataclass, field

NAMES = {
    "persona": "Personas",
    "thread": "Threads",
    "message": "Messages",
    "version": "Earlier wordings",
    "reply": "Records of answers",
}


@dataclass
class Report:
    """What an import did, or would do.

    Attributes:
        added: How many rows of each kind were not there before.
        known: How many were there already, from an earlier import or from the start.
        restored: How many threads that were deleted here came back with the file.
        left_out: What was not taken in, by reason.
    """

    added: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    restored: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return self.added.total() + self.restored > 0

    def omissions(self) -> list[tuple[str, int]]:
        """Return each reason and how many things were left out for it."""
        return self.left_out.most_common()

    def counts(self) -> list[tuple[str, int, int]]:
        """Return a name, the new ones and the known ones of each kind the file holds."""
        return [
            (name, self.added[kind], self.known[kind])
            for kind, name in NAMES.items()
            if self.added[kind] or self.known[kind]
        ]
