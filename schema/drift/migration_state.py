"""Detect from the schema how much of a migration is in a database.

This is needed where the records and the schema contradict each other: another tool was killed
between a change and its record, or somebody ran part of the SQL by hand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from enum import StrEnum

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration

from schema.drift.compare import Finding, find
from schema.drift.expected import Step, expected_steps
from schema.drift.repair import differences, script
from schema.introspection.catalog import Catalog, Table
from schema.introspection.read import read_catalog
from schema.models import MigrationKey


class MigrationState(StrEnum):
    """How much of a migration is in the database."""

    APPLIED = "applied"
    PARTIAL = "partial"
    ABSENT = "absent"
    DATA_ONLY = "changes rows only"
    """It leaves no trace in the schema."""


class StateDetector:
    """Compares the live schema with both sides of each migration of a plan.

    The plan is built once, in a scratch place, when it is first asked about.
    """

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        plan: Sequence[Migration],
        applied: Collection[MigrationKey],
    ) -> None:
        """Prepare to inspect `plan`, given forwards, on top of `applied`."""
        self.connection = connection
        self.plan = list(plan)
        self.applied = set(applied)
        self._steps: list[Step] | None = None

    @property
    def steps(self) -> list[Step]:
        """Return each migration of the plan with the schema on both sides of it."""
        if self._steps is None:
            self._steps = expected_steps(self.connection, self.plan, self.applied)
        return self._steps

    def state(self, migration: Migration) -> MigrationState:
        """Return how much of `migration` is in the live schema."""
        return self.states([migration])[migration]

    def states(self, migrations: Collection[Migration]) -> dict[Migration, MigrationState]:
        """Return how much of each migration is in the live schema."""
        live = read_catalog(self.connection)
        return {
            step.migration: state_of(step, live, [later.after for later in self.steps[place + 1 :]])
            for place, step in enumerate(self.steps)
            if step.migration in migrations
        }

    def operations(self, migration: Migration) -> StateDetector:
        """Return a detector for the migration's operations, each as a migration of its own."""
        place = self.plan.index(migration)
        before = {(earlier.app_label, earlier.name) for earlier in self.plan[:place]}
        single = []
        for number, operation in enumerate(migration.operations):
            body = {"operations": [operation], "atomic": migration.atomic}
            part = type("Migration", (Migration,), body)
            name = f"{migration.name}, operation {number + 1}"
            single.append(part(name, migration.app_label))
        detector = StateDetector(self.connection, single, self.applied | before)
        detector._steps = [*detector.steps, *self.steps[place + 1 :]]
        return detector

    def repairs(self, migration: Migration) -> list[str]:
        """Return the statements that complete `migration`, to be run in its transaction."""
        step = next(step for step in self.steps if step.migration == migration)
        changed = {_key(finding) for finding in find(step.after, step.before)}
        new = set(step.after.tables) - set(step.before.tables)
        live = read_catalog(self.connection)
        return script(
            one
            for one in differences(step.after, live, online=False)
            if one.object in changed or one.table in new
        )


def state_of(step: Step, live: Catalog, later: Sequence[Catalog] = ()) -> MigrationState:
    """Return how much of `step` is in the `live` schema.

    What `later` steps changed once more counts as done in their form too.
    """
    done = left = 0
    afters = [step.after, *later]
    open_things = [{_key(finding) for finding in find(after, live)} for after in afters]
    open_tables = [{finding.table for finding in find(after, live)} for after in afters]
    known = [{_key(finding) for finding in find(after, _hollow(after))} for after in afters]
    for finding in find(step.after, step.before):
        if finding.kind == "table" and finding.found is None:
            table = str(finding.table)
            as_it_should_be = any(
                table in after.tables and table not in unlike
                for after, unlike in zip(afters, open_tables, strict=True)
            )
            done += table in live.tables
            left += not as_it_should_be
        elif any(
            _key(finding) in things and _key(finding) not in missing
            for things, missing in zip(known, open_things, strict=True)
        ):
            done += 1
        else:
            left += 1
    still_there = {_key(finding) for finding in find(step.before, _hollow(step.before))} - {
        _key(finding) for finding in find(step.before, live)
    }
    for finding in find(step.before, step.after):
        if finding.found is None:  # the step takes it away
            gone = (
                finding.table not in live.tables
                if finding.kind == "table"
                else _key(finding) not in still_there
            )
            done += gone
            left += not gone
    if not done and not left:
        return MigrationState.DATA_ONLY
    if not left:
        return MigrationState.APPLIED
    return MigrationState.PARTIAL if done else MigrationState.ABSENT


def _key(finding: Finding) -> str:
    return finding.difference([]).object


def _hollow(catalog: Catalog) -> Catalog:
    """Return the catalog with its tables empty, so that all they hold is found missing."""
    tables = {name: Table(name, options=table.options) for name, table in catalog.tables.items()}
    return replace(catalog, tables=tables, functions={})
