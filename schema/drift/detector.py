"""Detect from the schema how much of a migration is in a database.

This is needed where the records and the schema contradict each other: another tool was killed
between a change and its record, or somebody ran part of the SQL by hand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration

from schema.connection.read_only import reads_only
from schema.drift.compare import find
from schema.drift.expected import recorded_change_set
from schema.drift.migration_state import MigrationState
from schema.drift.repair import differences, script
from schema.drift.scratch import MigrationEffect, build_steps, expected_steps
from schema.drift.trusted import is_trusted
from schema.introspection.catalog import Catalog, CatalogError, Table
from schema.introspection.changes import assemble
from schema.introspection.read import read_catalog
from schema.models import MigrationKey


class StateDetector:
    """Compare the live schema with both sides of each migration of a plan.

    The trusted migrations of the plan are built once, in a scratch place, when the first of them
    is asked about. Of another migration the record of its run is used, if there is one.
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
        self._steps: list[MigrationEffect] | None = None

    @property
    def steps(self) -> list[MigrationEffect]:
        """Return each migration that is known with the schema on both sides of it."""
        if self._steps is None:
            with reads_only():
                built = {
                    step.migration: step
                    for step in expected_steps(self.connection, self.plan, self.applied)
                }
                known = (built.get(one) or recorded_step(self.connection, one) for one in self.plan)
                self._steps = [step for step in known if step is not None]
        return self._steps

    def state(self, migration: Migration) -> MigrationState:
        """Return how much of `migration` is in the live schema.

        Raises:
            CatalogError: the migration is neither trusted nor recorded.
        """
        states = self.states([migration])
        if migration not in states:
            raise CatalogError(f"What {migration} makes is not known.")
        return states[migration]

    def states(self, migrations: Collection[Migration]) -> dict[Migration, MigrationState]:
        """Return how much of each migration is in the live schema, of those that are known."""
        live = read_catalog(self.connection)
        return {
            step.migration: state_of(step, live, [later.after for later in self.steps[place + 1 :]])
            for place, step in enumerate(self.steps)
            if step.migration in migrations
        }

    def operations(self, migration: Migration) -> StateDetector:
        """Return a detector for the operations of a trusted migration, each as a migration.

        Raises:
            CatalogError: the migration is not trusted, so its operations cannot be distinguished.
        """
        if not is_trusted(migration):
            raise CatalogError(f"{migration} cannot be run in a scratch schema.")
        place = self.plan.index(migration)
        before = {(earlier.app_label, earlier.name) for earlier in self.plan[:place]}
        single = []
        for number, operation in enumerate(migration.operations):
            body = {"operations": [operation], "atomic": migration.atomic}
            part = type("Migration", (Migration,), body)
            name = f"{migration.name}, operation {number + 1}"
            single.append(part(name, migration.app_label))
        detector = StateDetector(self.connection, single, self.applied | before)
        later = [step for step in self.steps if step.migration in self.plan[place + 1 :]]
        with reads_only():
            steps = build_steps(self.connection, single, detector.applied)
        detector._steps = [*steps, *later]
        return detector

    def repairs(self, migration: Migration) -> list[str]:
        """Return the statements that complete `migration`, to be run in its transaction."""
        step = next(step for step in self.steps if step.migration == migration)
        changed = {finding.label for finding in find(step.after, step.before)}
        new = set(step.after.tables) - set(step.before.tables)
        live = read_catalog(self.connection)
        return script(
            one
            for one in differences(step.after, live, online=False)
            if one.object in changed or one.table in new
        )


def recorded_step(connection: BaseDatabaseWrapper, migration: Migration) -> MigrationEffect | None:
    """Return the two sides of a migration as the record of its run has them, if there is one.

    They hold what it changed and nothing else.
    """
    change_set = recorded_change_set(connection, (migration.app_label, migration.name))
    if change_set is None:
        return None
    tables = {key.table for key in [*change_set.before, *change_set.after] if key.table}
    sides = []
    for own, other in (
        (change_set.before, change_set.after),
        (change_set.after, change_set.before),
    ):
        # A table that the other side alone describes was made or dropped; others stay.
        stay = tables - {key.table for key in other if key.kind == "table"}
        shells = {name: Table(name) for name in stay}
        side = assemble(connection.vendor, own, Catalog(connection.vendor, shells))
        sides.append(replace(side, tables=shells | side.tables))
    return MigrationEffect(migration, *sides)


def state_of(step: MigrationEffect, live: Catalog, later: Sequence[Catalog] = ()) -> MigrationState:
    """Return how much of `step` is in the `live` schema.

    What `later` steps changed once more counts as done in their form too.
    """
    done = left = 0
    afters = [step.after, *later]
    missing_labels = [{finding.label for finding in find(after, live)} for after in afters]
    open_tables = [{finding.table for finding in find(after, live)} for after in afters]
    known = [{finding.label for finding in find(after, _hollow(after))} for after in afters]
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
            finding.label in labels and finding.label not in missing
            for labels, missing in zip(known, missing_labels, strict=True)
        ):
            done += 1
        else:
            left += 1
    still_there = {finding.label for finding in find(step.before, _hollow(step.before))} - {
        finding.label for finding in find(step.before, live)
    }
    for finding in find(step.before, step.after):
        if finding.found is None:  # the step takes it away
            gone = (
                finding.table not in live.tables
                if finding.kind == "table"
                else finding.label not in still_there
            )
            done += gone
            left += not gone
    if not done and not left:
        return MigrationState.DATA_ONLY
    if not left:
        return MigrationState.APPLIED
    return MigrationState.PARTIAL if done else MigrationState.ABSENT


def _hollow(catalog: Catalog) -> Catalog:
    """Return the catalog with its tables empty, so that all they hold is found missing."""
    tables = {name: Table(name, options=table.options) for name, table in catalog.tables.items()}
    return replace(catalog, tables=tables, functions={})
