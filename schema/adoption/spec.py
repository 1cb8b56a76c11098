"""What a project tells about databases from before it: data, in words and SQL.

The SQL of a rule calls the table's row `one`. A rule that reads a column which may not be
there says so, and is left out where it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from schema.models import MigrationKey

When = Literal["mistyped", "twice", "triggered"]
"""When a rule is followed, within the mending of its step.

mistyped: before column types are mended, and only if one of its columns has another type.
twice: before column types and keys are mended, where any is, and after the triggers are there,
    for rows that came between.
triggered: after the triggers are there.
"""


@dataclass(frozen=True)
class Rule:
    """What is done about the rows of `table` for which `where` holds."""

    step: MigrationKey
    """The migration that this belongs to."""
    kind: str
    """What the summary calls it, after the number of rows."""
    table: str
    where: str
    settles: tuple[str, ...] = ()
    """The columns of `table` whose constraint the rows stood in the way of."""
    needs: tuple[str, ...] = ()
    """Columns, written table.column, without which the rule has no meaning."""
    lacks: tuple[str, ...] = ()
    """Columns that must not be there for the rule to have a meaning."""
    when: When = "twice"


@dataclass(frozen=True)
class Repair(Rule):
    """Rows that have one obvious meaning: `assign` is what their UPDATE sets."""

    assign: str = ""
    foretold: str = ""
    """Instead of `where`, for `--plan`, while columns that the adoption adds are not there."""


@dataclass(frozen=True)
class Quarantine(Rule):
    """Rows without an obvious meaning: they are kept whole in the quarantine, with the reason."""

    reason: str = ""


@dataclass(frozen=True)
class Conflict:
    """Rows over which somebody has to decide; nothing is changed until they have."""

    step: MigrationKey
    kind: str
    query: str
    """Returns one text a conflict, which names the rows."""
    remedy: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """The table in which the old tool recorded the files it had run."""

    table: str
    file: str
    """The column with the file's name."""
    moment: str
    """The column with the time, without a time zone, in UTC."""


@dataclass(frozen=True)
class Facts:
    """Everything known about the databases that may be taken over."""

    history: History
    files: Mapping[str, tuple[MigrationKey, ...]]
    """The migrations that do what each file of the old tool did."""
    columns: Mapping[str, tuple[str, ...]]
    """What each file made, written table.column: its record is true where all of it is there."""
    steps: tuple[MigrationKey, ...]
    """Every migration that may find its work done, in the order of application."""
    superseded: Mapping[MigrationKey, tuple[str, ...]]
    """The old indexes that the indexes of a step do the work of; they are dropped."""
    unused: Mapping[MigrationKey, tuple[tuple[str, str], ...]]
    """Old indexes that the step after drops, each with a query whether it is in use.

    Where it is not, the step itself drops it: rows are then changed more cheaply.
    """
    rules: tuple[Rule, ...]
    conflicts: tuple[Conflict, ...]
    zone: str = "UTC"
    """The time zone of the times that were stored without one."""

    def doubtful_links(self) -> set[tuple[str, str]]:
        """Return the tables and columns of links that may hold what is no key."""
        return {
            (rule.table, column)
            for rule in self.rules
            if rule.when == "mistyped"
            for column in rule.settles
        }

    def of(self, step: MigrationKey) -> list[Rule]:
        """Return the rules of one step, in their order."""
        return [rule for rule in self.rules if rule.step == step]
