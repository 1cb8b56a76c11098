"""Taking over a database that another tool made, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cached_property

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from schema.adoption import repairs
from schema.adoption.assess import Survey, survey
from schema.adoption.key_conversion import conversion, numbered
from schema.adoption.markers import tables
from schema.adoption.match_step import Recognised, recognise
from schema.adoption.obstacles import Obstacle, rights, unreadable
from schema.adoption.row_repairs import Followed, applies, before_its_type
from schema.adoption.spec import Facts, Rule, When
from schema.adoption.statements import Statements
from schema.adoption.type_changes import mistyped, retyping
from schema.drift.expected import Step, expected_steps
from schema.drift.migration_state import MigrationState
from schema.introspection.catalog import Catalog, Column, Table, quoted
from schema.introspection.read import read_catalog
from schema.models import MigrationKey


class AdoptionError(Exception):
    """The database cannot be taken over as it is; the text says why and what to do."""


class Adoption:
    """One adoption: what is there, what will be done, and the doing of it."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        loader: MigrationLoader,
        facts: Facts,
        doing: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare to take over the database of `connection`; `doing` shows what goes on."""
        self.connection = connection
        self.loader = loader
        self.facts = facts
        self.doing = doing
        self.statements = Statements(connection, lambda what: doing(f"waiting for a lock: {what}"))
        self.pending = [key for key in facts.steps if key not in loader.applied_migrations]
        self.moments: dict[MigrationKey, datetime] = {}
        self.tables = tables(loader, facts)
        self.followed = Followed(self.statements, frozenset(self.tables))
        self._catalog: Catalog | None = None
        self._tried = 0

    @cached_property
    def steps(self) -> dict[MigrationKey, Step]:
        """Return the pending steps, each with the schema before and after."""
        return {key: self._built[key] for key in self.pending}

    @cached_property
    def later(self) -> list[Step]:
        """Return what is run as usual, as if it were run after the steps."""
        return [step for key, step in self._built.items() if key not in self.pending]

    @cached_property
    def _built(self) -> dict[MigrationKey, Step]:
        graph = self.loader.graph
        before: dict[MigrationKey, None] = dict.fromkeys(self.loader.applied_migrations)
        for key in self.facts.steps:
            before |= dict.fromkeys(graph.forwards_plan(key))
        every: dict[MigrationKey, None] = {}
        for leaf in graph.leaf_nodes():
            every |= dict.fromkeys(graph.forwards_plan(leaf))
        keys = [*self.pending, *(key for key in every if key not in before)]
        steps = expected_steps(self.connection, [graph.nodes[key] for key in keys], list(before))
        return {(step.migration.app_label, step.migration.name): step for step in steps}

    def rights(self) -> list[Obstacle]:
        """Return what the role may not do."""
        return [
            *rights(self.connection, self.tables),
            *unreadable(self.connection, [quoted(self.facts.history.table)]),
        ]

    def survey(self) -> Survey:
        """Return what is there and what will be done."""
        found = self._found()
        result = survey(
            self.connection, self.facts, list(self.steps.values()), self.later, found, self.tables
        )
        states = {one.key: one.state for one in result.steps}
        for claim in result.claims or []:
            for key in claim.steps:
                begun = states.get(key) in {MigrationState.PARTIAL, MigrationState.APPLIED}
                if claim.true and claim.moment and begun:
                    self.moments.setdefault(key, claim.moment)
        return result

    def takes_over(self, migration: Migration) -> bool:
        """Whether the work of `migration` is there, whole or in part, and is to be mended.

        A migration that is not atomic can run over its own work, so it does.
        """
        key = (migration.app_label, migration.name)
        if key not in self.pending:
            return False
        state = recognise(self.steps[key], self._found()).state
        return migration.atomic and state in {MigrationState.PARTIAL, MigrationState.APPLIED}

    def make_way(self, migration: Migration) -> None:
        """Prepare for a migration that is not atomic and so can run over its own work.

        What it would build a second time under another name becomes its own.
        """
        self._catalog = None  # the migration before may have changed it
        key = (migration.app_label, migration.name)
        if key not in self.pending or migration.atomic:
            return
        step = self.steps[key]
        self._units(lambda one, _: repairs.foreign_keys_unread(one.findings), step)
        self._units(lambda _, found: repairs.surplus_foreign_keys(step.after, found), step)
        self._units(
            lambda one, found: repairs.keys_and_indexes(one.findings, step.after, found), step
        )
        self._drop_superseded(key)

    def moment(self, migration: Migration) -> datetime | None:
        """Return when the old tool did the work of `migration`, where it says so."""
        return self.moments.get((migration.app_label, migration.name))

    def mend(self, migration: Migration) -> None:
        """Bring what is there to what `migration` makes; may be begun again at any point.

        Raises:
            AdoptionError: something still differs.
        """
        key = (migration.app_label, migration.name)
        step = self.steps[key]
        self._number_to_uuid()
        self._units(lambda one, _: repairs.columns(one.findings), step)
        self._follow(key, "mistyped")
        if self._is_rebuilt(step):
            self._follow(key, "twice", typed_only=step)
        self._retype(step)
        self._units(lambda one, found: repairs.primary_keys(one.findings, step.after, found), step)
        self._units(self._new, step)
        self._follow(key, "twice")
        self._follow(key, "triggered")
        self._units(
            lambda one, found: [
                unit
                for name, table in one.step.after.tables.items()
                if name in found.tables
                for unit in repairs.not_null(_own(one.step, table), found.tables[name])
            ],
            step,
        )
        self._units(lambda one, _: repairs.checks_and_foreign_keys(one.findings), step)
        self._units(lambda _, found: repairs.surplus_foreign_keys(step.after, found), step)
        self._units(
            lambda one, found: repairs.keys_and_indexes(one.findings, step.after, found), step
        )
        self._drop_superseded(key)
        left = recognise(step, self._found())
        if left.state is not MigrationState.APPLIED:
            raise AdoptionError(
                f"{migration} could not be completed; these still differ: "
                + ", ".join(left.lacking())
                + ". `python manage.py verify` shows how, once they are mended run migrate again."
            )

    def _found(self) -> Catalog:
        """Return what is there; it is read again once something was done."""
        if self._catalog is None or self._tried != self.statements.tried:
            self._tried = self.statements.tried
            self._catalog = read_catalog(self.connection)
        return self._catalog

    def _units(
        self,
        make: Callable[[Recognised, Catalog], Iterable[repairs.Unit]],
        step: Step,
    ) -> None:
        found = self._found()
        for unit in make(recognise(step, found), found):
            self.doing(" ".join(unit[0].split())[:120])
            self.statements.run(*unit)

    def _new(self, recognised: Recognised, found: Catalog) -> list[repairs.Unit]:
        """Return what makes the tables, functions and triggers that are not there."""
        new = [
            finding
            for finding in recognised.findings
            if finding.kind in {"function", "trigger"} or (isinstance(finding.expected, Table))
        ]
        return list(repairs.by_mender(new, recognised.step.after, found))

    def _number_to_uuid(self) -> None:
        found = self._found()
        expected = self.steps[self.pending[-1]].after
        numbers = numbered(expected, found, self.facts.doubtful_links())
        if numbers.places:
            self.doing("making the keys UUIDs")
            self.statements.run(*conversion(self.connection, found, numbers))

    def _is_rebuilt(self, step: Step) -> bool:
        """Whether a column is to get another type or a table a key: rows may stand in their way."""
        found = self._found()
        return any(repairs.primary_keys(recognise(step, found).findings, step.after, found)) or any(
            mistyped(_own(step, table), found.tables[name])
            for name, table in step.after.tables.items()
            if name in found.tables
        )

    def _retype(self, step: Step) -> None:
        found = self._found()
        for name, table in step.after.tables.items():
            if name in found.tables:
                unit = retyping(
                    self.connection, _own(step, table), found.tables[name], self.facts.zone
                )
                if unit:
                    self.doing(f"changing the types of {name}")
                    self.statements.run("SELECT 1", *unit)

    def _follow(self, key: MigrationKey, when: When, typed_only: Step | None = None) -> None:
        rules = [rule for rule in self.facts.of(key) if rule.when == when]
        if not rules:
            return
        found = self._found()
        after = self.steps[key].after.tables
        seen: dict[Rule, int] = {}
        for rule in rules:
            # A rule that comes twice has to be followed again if another changed rows since.
            changed = self.followed.counts.total()
            if not applies(rule, found) or seen.get(rule) == changed:
                continue
            table = after.get(rule.table)
            wrong = mistyped(table, found.tables[rule.table]) if table else []
            differing = [there for one, there in wrong if one.name in rule.settles]
            if when == "mistyped" and not differing:
                continue
            if typed_only and not all(before_its_type(rule, one) for one in differing):
                continue
            self.followed.follow(rule, found, self.doing)
            seen[rule] = self.followed.counts.total()

    def _drop_superseded(self, key: MigrationKey) -> None:
        found = self._found()
        unused = [
            name
            for name, in_use in self.facts.unused.get(key, ())
            if not self.statements.fetch(in_use)[0][0]
        ]
        ours = [table for name, table in found.tables.items() if name in self.tables]
        for table in ours:
            for name in (*self.facts.superseded.get(key, ()), *unused):
                if name in table.indexes and not table.indexes[name].unique:
                    self.statements.run(f"DROP INDEX CONCURRENTLY IF EXISTS {quoted(name)}")


def _own(step: Step, table: Table) -> Table:
    """Return the table with no other columns than those that the step adds or changes."""
    before = step.before.tables.get(table.name)
    if before is None:
        return table
    columns: dict[str, Column] = {
        name: one for name, one in table.columns.items() if before.columns.get(name) != one
    }
    return Table(table.name, columns)
