"""What an adoption knows: the steps, what exists of each, and what will be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from schema.adoption.assess import Assessment, assess
from schema.adoption.match_step import MatchedStep, match_step
from schema.adoption.name_conflicts import kept_name, reserved_columns, with_reserved_renamed
from schema.adoption.row_repairs import RowRepairs
from schema.adoption.snapshot import EXISTS, Snapshot
from schema.adoption.spec import Spec
from schema.adoption.statements import Statements
from schema.adoption.trial import trial_problems
from schema.connection import limits, privileges
from schema.drift.scratch import MigrationEffect, expected_steps
from schema.introspection.catalog import Catalog, quoted
from schema.introspection.read import read_catalog
from schema.models import MigrationKey
from schema.report import Problem


@dataclass
class Adoption:
    """One adoption of a database that another tool made."""

    connection: BaseDatabaseWrapper
    loader: MigrationLoader
    """The project's migrations, and which of them are applied."""
    spec: Spec
    tables: Sequence[str]
    """The tables that the steps create."""
    doubts: Sequence[Problem] = ()
    """Why it may be another program's database."""
    quarantine_limit: int | None = None
    """How many rows of a table may go into quarantine; None for what is plausible."""
    progress: Callable[[str], None] = lambda _: None
    """Called with what is being done."""
    applied_times: dict[MigrationKey, datetime] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    """What of the owner's was kept under another name, in words."""

    def __post_init__(self) -> None:
        self.statements = Statements(self.connection)
        self.row_repairs = RowRepairs(
            self.connection, frozenset(self.tables), self.quarantine_limit
        )
        applied = self.loader.applied_migrations
        self.pending = [key for key in self.spec.steps if key not in applied]
        self._catalog: Catalog | None = None
        self._attempts = 0

    @cached_property
    def steps(self) -> dict[MigrationKey, MigrationEffect]:
        """Return the pending steps, each with the schema before and after."""
        return {key: self._built[key] for key in self.pending}

    @cached_property
    def later(self) -> list[MigrationEffect]:
        """Return the migrations that are run as usual, as if they were run after the steps."""
        return [step for key, step in self._built.items() if key not in self.pending]

    @cached_property
    def _built(self) -> dict[MigrationKey, MigrationEffect]:
        graph = self.loader.graph
        before: dict[MigrationKey, None] = dict.fromkeys(self.loader.applied_migrations)
        for key in self.spec.steps:
            before |= dict.fromkeys(graph.forwards_plan(key))
        every: dict[MigrationKey, None] = {}
        for leaf in graph.leaf_nodes():
            every |= dict.fromkeys(graph.forwards_plan(leaf))
        keys = [*self.pending, *(key for key in every if key not in before)]
        steps = expected_steps(
            self.connection,
            [graph.nodes[key] for key in keys],
            list(before),
            fire_event_triggers=True,  # so do the migrations that follow
        )
        return {(step.migration.app_label, step.migration.name): step for step in steps}

    def blocking_problems(self) -> list[Problem]:
        """Return why the database cannot even be assessed."""
        problems = [
            *self.doubts,
            *privileges.missing(self.connection, self.tables),
            *privileges.scratch_schema(self.connection),
            *limits.publications(self.connection, self.tables),
            *privileges.unsuitable_tables(self.connection, self.tables),
            *privileges.unreadable(self.connection, [quoted(self.spec.tracking.table)]),
        ]
        return problems or [*limits.forbidden_changes(self.connection)]

    def assess(self) -> Assessment:
        """Return what exists and what will be done; changes nothing."""
        result = assess(self.snapshot())
        states = {one.key: one.state for one in result.steps}
        for claim in result.claims or []:
            for key in claim.steps:
                if claim.is_true and claim.applied_at and states.get(key) in EXISTS:
                    self.applied_times.setdefault(key, claim.applied_at)
        return result

    def snapshot(self) -> Snapshot:
        """Return what the assessment and the trial read."""
        renamed = [
            one
            for step in self.steps.values()
            for one in reserved_columns(self.connection, self.spec, step, self.catalog())
        ]
        found = with_reserved_renamed(self.catalog(), renamed)
        return Snapshot(
            self.connection,
            self.spec,
            found,
            [match_step(step, found) for step in self.steps.values()],
            self.later,
            self.tables,
            [
                f"{name}.{actual.name}, as {kept_name(self.catalog().tables[name], actual.name)}"
                for name, _, actual in renamed
            ],
            self.quarantine_limit,
        )

    def trial_problems(self) -> list[Problem]:
        """Return what trying one change of each kind shows; everything is rolled back."""
        return list(trial_problems(self.snapshot()))

    def applies_to(self, migration: Migration) -> bool:
        """Return whether the work of `migration` exists, in whole or in part, and is repaired.

        A migration that is not atomic can run over its own work, so it does.
        """
        key = (migration.app_label, migration.name)
        return key in self.pending and migration.atomic and self.match(key).state in EXISTS

    def match(self, key: MigrationKey) -> MatchedStep:
        """Return how much of a pending step exists now."""
        return match_step(self.steps[key], self.catalog())

    def applied_at(self, migration: Migration) -> datetime | None:
        """Return when the old tool did the work of `migration`, if it recorded that."""
        return self.applied_times.get((migration.app_label, migration.name))

    def catalog(self, *, reread: bool = False) -> Catalog:
        """Return the live schema; it is read again once a statement was tried."""
        if reread or self._catalog is None or self._attempts != self.statements.attempts:
            self._attempts = self.statements.attempts
            self._catalog = read_catalog(self.connection)
        return self._catalog
