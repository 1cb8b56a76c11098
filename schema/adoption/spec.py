"""The specification of databases that another tool made: data and SQL, no logic.

In the SQL of a rule, `one` is the row of the rule's table. A rule that reads a column which may be
missing names it in `requires`, and is skipped where it is missing.
docs/writing-a-specification.md explains how to write one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from schema.models import MigrationKey

CERTAIN = 2
"""How many tables of a signature show that it is the database meant."""

When = Literal["before_types", "always", "after_triggers"]
"""When a rule is applied during the repair of its step.

before_types: before column types change, and only if one of its columns has another type.
always: before column types and primary keys change, where any does; after the triggers exist; and
    again after the checks exist, for rows that were written in between.
after_triggers: after the triggers exist.
"""


@dataclass(frozen=True)
class Rule:
    """What happens to the rows of `table` for which `where` holds."""

    step: MigrationKey
    """The migration that this belongs to."""
    kind: str
    """The words for it in the summary, before the number of rows."""
    table: str
    where: str
    fixes: tuple[str, ...] = ()
    """The columns of `table` whose constraints the rows violate."""
    requires: tuple[str, ...] = ()
    """Columns, written table.column, without which the rule does not apply."""
    without: tuple[str, ...] = ()
    """Columns, written table.column, with which the rule does not apply."""
    when: When = "always"


@dataclass(frozen=True)
class Repair(Rule):
    """Rows that have one obvious meaning: `assign` is the SET clause of their UPDATE."""

    assign: str = ""
    planned_where: str = ""
    """Used by `--plan` instead of `where`, while columns that the adoption adds are missing."""
    keeps: tuple[str, ...] = ()
    """The columns whose values are copied to `schema_original_values` before they change."""


@dataclass(frozen=True)
class Quarantine(Rule):
    """Rows without an obvious meaning: they are kept whole in the quarantine, with the reason."""

    reason: str = ""
    expected: bool = False
    """Whether the old tool makes such rows itself, so that any number of them is plausible."""


@dataclass(frozen=True)
class Conflict:
    """Rows about which the operator has to decide; until then nothing is changed."""

    step: MigrationKey
    kind: str
    query: str
    """Returns one text for each conflict, which names the rows."""
    remedy: str
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrialUpdate:
    """A change that later migrations make to rows, tried beforehand on one row and rolled back."""

    table: str
    column: str
    value: str
    """An expression; a row is chosen for which it differs from the column's value."""
    requires: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrialInsert:
    """A row like those that later migrations write, tried beforehand and rolled back."""

    table: str
    statement: str
    """Inserts exactly one row."""
    applies: str
    """A query that returns whether the statement makes sense."""
    requires: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrackingTable:
    """The table in which the old tool recorded the files it had run."""

    table: str
    file: str
    """The column with the file's name."""
    applied_at: str
    """The column with the time, without a time zone, in UTC."""


@dataclass(frozen=True)
class Spec:
    """Everything known about the databases that may be adopted."""

    tracking: TrackingTable
    signature: Mapping[str, tuple[str, ...]]
    """The tables, with the columns by which each is recognized."""
    files: Mapping[str, tuple[MigrationKey, ...]]
    """The migrations that do what each file of the old tool did."""
    columns: Mapping[str, tuple[str, ...]]
    """What each file created, written table.column: its record is true if all of it exists."""
    steps: tuple[MigrationKey, ...]
    """Every migration whose work may exist already, in the order of application."""
    superseded: Mapping[MigrationKey, tuple[str, ...]]
    """The old indexes that the indexes of a step replace; they are dropped."""
    unused: Mapping[MigrationKey, tuple[tuple[str, str], ...]]
    """Old indexes that the next step drops, each with a query that returns whether it is in use.

    One that is not in use is dropped by the step itself, which makes changing rows cheaper.
    """
    rules: tuple[Rule, ...]
    conflicts: tuple[Conflict, ...]
    trial_updates: tuple[TrialUpdate, ...] = ()
    trial_inserts: tuple[TrialInsert, ...] = ()
    reserved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Columns of each table that the old tool never made. An owner's column of that name is
    renamed unless every value in it is our default."""
    guards: Mapping[MigrationKey, tuple[str, ...]] = field(default_factory=dict)
    """Statements that can be repeated, run before the checks of a step are added: they create the
    triggers of a later migration that make what another program writes satisfy those checks."""
    zone: str = "UTC"
    """The time zone of the timestamps that were stored without one."""

    def recognized(self, existing: Mapping[str, Collection[str]]) -> list[str]:
        """Return the tables of the signature that exist with their columns."""
        return [
            name
            for name, columns in self.signature.items()
            if name in existing and set(columns).issubset(existing[name])
        ]

    def unchecked_links(self) -> set[tuple[str, str]]:
        """Return the tables and columns of links that may hold what is no key."""
        return {
            (rule.table, column)
            for rule in self.rules
            if rule.when == "before_types"
            for column in rule.fixes
        }

    def rules_of(self, step: MigrationKey) -> list[Rule]:
        """Return the rules of one step, in their order."""
        return [rule for rule in self.rules if rule.step == step]
