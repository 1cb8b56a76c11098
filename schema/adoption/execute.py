"""Carry out an adoption: repair and record each migration whose work exists."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from schema.adoption import repairs
from schema.adoption.key_conversion import conversion, key_columns
from schema.adoption.match_step import MatchedStep
from schema.adoption.name_conflicts import kept_name, reserved_columns
from schema.adoption.plan import Adoption
from schema.adoption.row_repairs import applies, before_its_type
from schema.adoption.spec import Rule, When
from schema.adoption.type_changes import change_types, wrong_types
from schema.drift.migration_state import MigrationState
from schema.drift.scratch import MigrationEffect
from schema.execution.executor import Direction, RecordingExecutor
from schema.execution.retry import Runner
from schema.introspection.catalog import Catalog, Column, Table, quoted
from schema.models import MigrationKey, MigrationRun


class AdoptionError(Exception):
    """A step could not be completed; the text says why and what to do."""


class AdoptingExecutor(RecordingExecutor):
    """Repair and record a migration whose work exists; run the others as usual."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        runner: Runner,
        found: Callable[[Migration, MigrationRun.Direction, MigrationState], None],
        adoption: Adoption,
    ) -> None:
        """Make an executor that asks `adoption` about each migration first."""
        super().__init__(connection, runner, found)
        self.runner = runner
        self.adoption = adoption
        self.repairs = StepRepairs(adoption)

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Adopt what exists, or else run the migration."""
        if not fake:
            self.repairs.prepare(migration)
        if fake or not self.adoption.applies_to(migration):
            return super().apply_migration(state, migration, fake, fake_initial)

        def work() -> ProjectState:
            self.repairs.repair(migration)
            self.record_as_applied(migration, self.adoption.applied_at(migration))
            return migration.mutate_state(state)

        return self.runner(migration, Direction.FORWARDS, work, MigrationRun.Outcome.ADOPTED)


class StepRepairs:
    """Bring the schema and the rows to what a migration makes.

    Every method may be interrupted at any statement and begun again: what is left to do is derived
    from the live schema each time.
    """

    def __init__(self, adoption: Adoption) -> None:
        self.adoption = adoption
        self.spec = adoption.spec
        self.statements = adoption.statements

    def prepare(self, migration: Migration) -> None:
        """Prepare for a migration that is not atomic and so can run over its own work.

        What it would build a second time under another name gets the name it expects.
        """
        key = (migration.app_label, migration.name)
        if key not in self.adoption.pending:
            return
        self.adoption.catalog(reread=True)  # the migration before may have changed it
        if migration.atomic:
            return
        after = self.adoption.steps[key].after
        self._run(key, lambda one, _: repairs.foreign_keys_unread(one.findings))
        self._run(key, lambda _, found: repairs.surplus_foreign_keys(after, found))
        self._run(key, lambda one, found: repairs.keys_and_indexes(one.findings, after, found))
        self._drop_superseded(key)

    def repair(self, migration: Migration) -> None:
        """Bring what exists to what `migration` makes.

        Raises:
            AdoptionError: something still differs.
        """
        key = (migration.app_label, migration.name)
        step = self.adoption.steps[key]
        self._rename_reserved(step)
        self._convert_keys()
        self._run(key, lambda one, _: repairs.columns(one.findings))
        self._apply(key, "before_types")
        if self._is_rebuilt(key):
            self._apply(key, "always", before_types=True)
        self._change_types(step)
        self._run(key, lambda one, found: repairs.primary_keys(one.findings, step.after, found))
        self._run(key, self._new_objects)
        self._apply(key, "always")
        self._apply(key, "after_triggers")
        for statement in self.spec.guards.get(key, ()):
            self.statements.run(statement)
        try:
            self._constrain(key)
        except Exception:
            self._undo_constraints(step)
            raise
        left = self.adoption.match(key)
        if left.state is not MigrationState.APPLIED:
            raise AdoptionError(
                f"{migration} could not be completed; these objects still differ: "
                + ", ".join(left.lacking())
                + ". `python manage.py verify` prints the SQL that repairs them; then run migrate"
                " again."
            )

    def _constrain(self, key: MigrationKey) -> None:
        """Forbid NULL, add checks, keys and indexes.

        A check is added without reading the rows, the rows that were written in between are
        repaired, and only then is it validated: another program may write all the time.
        """
        step = self.adoption.steps[key]
        self._run(key, self._not_null)
        self._run(key, lambda one, _: repairs.checks_and_foreign_keys(one.findings, validate=False))
        self._apply(key, "always")
        self._run(key, lambda one, _: repairs.checks_and_foreign_keys(one.findings, validate=True))
        self._run(key, lambda _, found: repairs.surplus_foreign_keys(step.after, found))
        self._run(key, lambda one, found: repairs.keys_and_indexes(one.findings, step.after, found))
        self._drop_superseded(key)

    def _undo_constraints(self, step: MigrationEffect) -> None:
        """Drop what a failure left half-made: it would keep the old backend from writing."""
        if not self.adoption.connection.is_usable():
            return
        for name, table in self.adoption.catalog(reread=True).tables.items():
            wanted = step.after.tables.get(name)
            for one in table.constraints if wanted else ():
                if not one.valid and wanted and wanted.constraint(one.name):
                    self.statements.run(
                        f"ALTER TABLE {quoted(name)} DROP CONSTRAINT {quoted(one.name)}"
                    )
            for index in table.indexes.values() if wanted else ():
                if not index.valid and index.unique and wanted and index.name in wanted.indexes:
                    self.statements.run(f"DROP INDEX CONCURRENTLY {quoted(index.name)}")

    def _run(
        self, key: MigrationKey, make: Callable[[MatchedStep, Catalog], Iterable[repairs.Unit]]
    ) -> None:
        for unit in make(self.adoption.match(key), self.adoption.catalog()):
            self.adoption.progress(" ".join(unit[0].split())[:120])
            self.statements.run(*unit)

    def _rename_reserved(self, step: MigrationEffect) -> None:
        """Keep the owner's columns whose names are needed, and add ours, in one transaction."""
        found = self.adoption.catalog()
        for name, ours, actual in reserved_columns(
            self.adoption.connection, self.spec, step, found
        ):
            kept = kept_name(found.tables[name], actual.name)
            table, column = quoted(name), quoted(kept)
            self.statements.run(
                f"ALTER TABLE {table} RENAME COLUMN {quoted(actual.name)} TO {column}",
                *(
                    [f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL"]
                    if not actual.nullable and actual.default is None
                    else []
                ),
                f"ALTER TABLE {table} ADD COLUMN {quoted(ours.name)} {ours.describe()}",
            )
            self.adoption.kept.append(
                f"the owner's column {name}.{actual.name}, as {name}.{kept}: it has no effect here"
            )

    def _new_objects(self, matched: MatchedStep, found: Catalog) -> list[repairs.Unit]:
        """Return what creates the missing tables, functions and triggers."""
        new = [
            finding
            for finding in matched.findings
            if finding.kind in {"function", "trigger"} or (isinstance(finding.expected, Table))
        ]
        return list(repairs.by_kind(new, matched.step.after, found))

    def _not_null(self, matched: MatchedStep, found: Catalog) -> list[repairs.Unit]:
        return [
            unit
            for name, table in matched.step.after.tables.items()
            if name in found.tables
            for unit in repairs.not_null(_own(matched.step, table), found.tables[name])
        ]

    def _convert_keys(self) -> None:
        found = self.adoption.catalog()
        expected = self.adoption.steps[self.adoption.pending[-1]].after
        columns = key_columns(expected, found, self.spec.unchecked_links())
        if columns.places:
            self.adoption.progress("converting the keys to UUIDs")
            self.statements.run(*conversion(self.adoption.connection, found, columns))
            self.adoption.kept += columns.kept(found)

    def _is_rebuilt(self, key: MigrationKey) -> bool:
        """Return whether a column gets another type or a table a key, which rows may prevent."""
        found, matched = self.adoption.catalog(), self.adoption.match(key)
        after = matched.step.after
        return any(repairs.primary_keys(matched.findings, after, found)) or any(
            wrong_types(_own(matched.step, table), found.tables[name])
            for name, table in after.tables.items()
            if name in found.tables
        )

    def _change_types(self, step: MigrationEffect) -> None:
        found = self.adoption.catalog()
        for name, table in step.after.tables.items():
            if name in found.tables:
                unit = change_types(
                    self.adoption.connection,
                    _own(step, table),
                    found.tables[name],
                    self.spec.zone,
                )
                if unit:
                    self.adoption.progress(f"changing the types of {name}")
                    self.statements.run("SELECT 1", *unit)

    def _apply(self, key: MigrationKey, when: When, *, before_types: bool = False) -> None:
        """Apply the rules of a step; before types change, only those that then can be."""
        found = self.adoption.catalog()
        counts = self.adoption.row_repairs.counts
        done: dict[Rule, int] = {}
        for rule in self.spec.rules_of(key):
            # A rule that is listed twice is applied again only if another one changed rows since.
            if rule.when != when or not applies(rule, found) or done.get(rule) == counts.total():
                continue
            if (when == "before_types" or before_types) and not self._is_needed(key, rule, found):
                continue
            self.adoption.row_repairs.apply(rule, found)
            done[rule] = counts.total()

    def _is_needed(self, key: MigrationKey, rule: Rule, found: Catalog) -> bool:
        """Return whether the rule must, and can, be applied before its columns get their types."""
        table = self.adoption.steps[key].after.tables.get(rule.table)
        wrong = wrong_types(table, found.tables[rule.table]) if table else []
        differing = [actual for one, actual in wrong if one.name in rule.fixes]
        if rule.when == "before_types":
            return bool(differing)
        return all(before_its_type(rule, one) for one in differing)

    def _drop_superseded(self, key: MigrationKey) -> None:
        found = self.adoption.catalog()
        unused = [
            name
            for name, in_use in self.spec.unused.get(key, ())
            if not self.statements.fetch(in_use)[0][0]
        ]
        ours = [table for name, table in found.tables.items() if name in self.adoption.tables]
        for table in ours:
            for name in (*self.spec.superseded.get(key, ()), *unused):
                if name in table.indexes and not table.indexes[name].unique:
                    self.statements.run(f"DROP INDEX CONCURRENTLY IF EXISTS {quoted(name)}")


def _own(step: MigrationEffect, table: Table) -> Table:
    """Return the table with only the columns that the step adds or changes."""
    before = step.before.tables.get(table.name)
    if before is None:
        return table
    columns: dict[str, Column] = {
        name: one for name, one in table.columns.items() if before.columns.get(name) != one
    }
    return Table(table.name, columns)
