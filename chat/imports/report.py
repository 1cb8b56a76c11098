"""The result of an import, for the person."""

from collections import Counter
from dataclasses import dataclass, field

from django.utils.translation import gettext_noop as _

from chat.imports.items import Problem

NAMES = {
    "persona": _("Personas"),
    "sample": _("Samples of your writing"),
    "thread": _("Threads"),
    "message": _("Messages"),
    "version": _("Earlier versions"),
    "reply": _("Records of replies"),
}
# The others are counted.
MAX_PROBLEMS = 50


@dataclass
class Report:
    """What an import did, or would do.

    Attributes:
        added: How many new rows of each kind the file holds.
        known: How many were there before, from an earlier import or from the beginning.
        restored: How many deleted threads the file brings back.
        skipped: What was not imported, by reason.
        problems: Which parts of the file could not be imported, or not whole.
        problem_count: How many there are, also those that `problems` does not list.
    """

    added: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    restored: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0

    def __bool__(self) -> bool:
        return self.added.total() + self.restored > 0

    def add_problem(self, problem: Problem) -> None:
        """Count a problem, and list it among the first."""
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(str(problem))

    def unlisted(self) -> int:
        """Return how many problems are counted but not listed."""
        return self.problem_count - len(self.problems)

    def skipped_counts(self) -> list[tuple[str, int]]:
        """Return each reason and how often it applied, most frequent first."""
        return self.skipped.most_common()

    def counts(self) -> list[tuple[str, int, int]]:
        """Return the name, the new rows and the known rows of each kind in the file."""
        return [
            (name, self.added[kind], self.known[kind])
            for kind, name in NAMES.items()
            if self.added[kind] or self.known[kind]
        ]
