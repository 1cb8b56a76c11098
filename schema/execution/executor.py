"""Django's migration executor, which records each migration in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from schema.connection.errors import waited_for_a_lock
from schema.drift.migration_state import MigrationState
from schema.drift.trusted import is_trusted
from schema.models import MigrationRun
from schema.operations.indexes import not_built, superseded_indexes

if TYPE_CHECKING:
    from schema.drift.detector import StateDetector

Direction = MigrationRun.Direction
Work = Callable[[], ProjectState]
Plan = list[tuple[Migration, bool]]


def run_once(
    migration: Migration, direction: MigrationRun.Direction, work: Work, *, faked: bool = False
) -> ProjectState:
    """Run `work`."""
    return work()


def ignore(
    migration: Migration, direction: MigrationRun.Direction, migration_state: MigrationState
) -> None:
    """Do nothing."""


class Keeper:
    """Sets aside what a rollback would drop, and puts it back; this one does neither."""

    notes: Sequence[str] = ()
    """What became of the current migration's tables and columns, for its record."""

    def rolling_back(self, migration: Migration) -> AbstractContextManager[None]:
        """Return a block in which the migration is rolled back, within its transaction."""
        return nullcontext()

    def made_again(self, migration: Migration) -> None:
        """Called in the transaction that applied the migration, before it is recorded."""

    def finish(self, migration: Migration) -> None:
        """Called after the migration was applied and recorded."""


class RecordingExecutor(MigrationExecutor):
    """Records each atomic migration in the transaction that makes its changes.

    Django commits the changes first and the record afterwards, in both directions; a process
    killed in between leaves a database that contradicts its records.
    """

    keeper = Keeper()

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        run: Callable[..., ProjectState] = run_once,
        found: Callable[[Migration, MigrationRun.Direction, MigrationState], None] = ignore,
    ) -> None:
        """Make an executor that passes each migration through `run`.

        `run` is given the migration, its direction and the work, which it may repeat after
        a failure: an atomic migration has left nothing behind then, and others must be able
        to start again. `faked` tells it that the work only changes the record. `found` is
        told where the schema contradicts the records.
        """
        super().__init__(connection)
        self.run = run
        self.found = found
        self.after_unapply: Callable[[], None] = lambda: None
        """Called after each migration that was rolled back, in its transaction."""
        self._superseded: frozenset[str] = frozenset()
        self._detector: StateDetector | None = None
        self._state: tuple[frozenset[tuple[str, str]], ProjectState] | None = None

    def migration_plan(
        self,
        targets: Sequence[tuple[str, str | None]] | set[tuple[str, str]],
        clean_start: bool = False,
    ) -> Plan:
        """Return Django's plan with the history's own migrations in front."""
        plan = super().migration_plan(targets, clean_start=clean_start)
        return sorted(plan, key=lambda step: step[1] or step[0].app_label != "schema")

    def migrate(self, targets: Any, plan: Any = None, *args: Any, **options: Any) -> ProjectState:
        """Run a plan; indexes that it builds and drops again are not built."""
        forwards = [one.operations for one, backwards in plan or [] if not backwards]
        self._superseded = superseded_indexes(chain.from_iterable(forwards))
        return super().migrate(targets, plan, *args, **options)

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Run a migration forwards and record it, together."""
        if fake_initial and not fake:
            fake, state = self.detect_soft_applied(state, migration)
        if fake:
            fake_it = partial(super().apply_migration, state, migration, fake=True)
            return self.run(migration, Direction.FORWARDS, fake_it, faked=True)

        def work() -> ProjectState:
            try:
                with self.connection.schema_editor(atomic=migration.atomic) as editor:
                    with not_built(self._superseded):
                        after = migration.apply(state.clone(), editor)
                    flush(editor)
                    self.keeper.made_again(migration)
                    self.record_as_applied(migration)
            except DatabaseError as error:
                return self._look_forwards(state, migration, error)
            return after

        state = self.run(migration, Direction.FORWARDS, work)
        self.keeper.finish(migration)
        return state

    def unapply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False
    ) -> ProjectState:
        """Run a migration backwards and take its record away, together."""
        if fake:
            fake_it = partial(super().unapply_migration, state, migration, fake=True)
            return self.run(migration, Direction.BACKWARDS, fake_it, faked=True)

        def work() -> ProjectState:
            try:
                return self._unapply(state, migration)
            except DatabaseError as error:
                return self._look_backwards(state, migration, error)

        return self.run(migration, Direction.BACKWARDS, work)

    def _unapply(self, state: ProjectState, migration: Migration) -> ProjectState:
        with self.connection.schema_editor(atomic=migration.atomic) as editor:
            with self.keeper.rolling_back(migration):
                before = migration.unapply(state, editor)
                flush(editor)
            self.after_unapply()
            self.record_as_unapplied(migration)
        return before

    def _look_forwards(
        self, state: ProjectState, migration: Migration, error: DatabaseError
    ) -> ProjectState:
        """See whether `migration` failed because it was there already; then complete it."""
        detector = self._contradiction(migration, error)
        migration_state = self._state_of(migration, detector)
        if migration_state not in completable(migration, MigrationState.APPLIED):
            raise error
        self.found(migration, Direction.FORWARDS, migration_state)
        if migration_state is MigrationState.PARTIAL:
            return self._complete(state, migration, detector)
        with transaction.atomic(using=self.connection.alias):
            self.keeper.made_again(migration)
            self.record_as_applied(migration)
        return migration.mutate_state(state)

    def _look_backwards(
        self, state: ProjectState, migration: Migration, error: DatabaseError
    ) -> ProjectState:
        """See whether `migration` failed because it was gone already; then finish that.

        One that is gone in part is completed first: there is a way back from complete.
        """
        detector = self._contradiction(migration, error)
        migration_state = detector.state(migration)
        if migration_state not in completable(migration, MigrationState.ABSENT):
            raise error
        self.found(migration, Direction.BACKWARDS, migration_state)
        if migration_state is MigrationState.ABSENT:
            self.record_as_unapplied(migration)
            return state
        self._complete(state, migration, detector)
        return self._unapply(state, migration)

    def _contradiction(self, migration: Migration, error: DatabaseError) -> StateDetector:
        """Return a detector that can tell about `migration`, or raise `error` again."""
        from schema.drift.detector import StateDetector
        from schema.introspection.catalog import CatalogError

        if waited_for_a_lock(error) or not self.connection.is_usable():
            raise error
        if self._detector is None or migration not in self._detector.plan:
            applied = set(self.recorder.applied_migrations())
            whole = self.migration_plan(self.loader.graph.leaf_nodes(), clean_start=True)
            plan = [one for one, _ in whole if (one.app_label, one.name) not in applied]
            key = (migration.app_label, migration.name)
            if key in applied:  # on the way back: from this migration on
                later = set(self.loader.graph.backwards_plan(key)) & applied
                plan = [one for one, _ in whole if (one.app_label, one.name) in later]
                applied -= later
            self._detector = StateDetector(self.connection, plan, applied)
        try:
            self._detector.state(migration)
        except (CatalogError, DatabaseError):
            raise error from error.__cause__  # the first failure tells more
        return self._detector

    def _state_of(self, migration: Migration, detector: StateDetector) -> MigrationState:
        """Return how much of `migration` is there, PARTIAL where that cannot be known.

        A data step leaves no trace in the schema. Without a transaction around it and what
        does, that one is done says nothing of the other: such steps can be repeated.
        """
        migration_state = detector.state(migration)
        if migration_state is MigrationState.APPLIED and not migration.atomic:
            if not is_trusted(migration):
                return MigrationState.PARTIAL
            operations = detector.operations(migration)
            if MigrationState.DATA_ONLY in operations.states(operations.plan).values():
                return MigrationState.PARTIAL
        return migration_state

    def _complete(
        self, state: ProjectState, migration: Migration, detector: StateDetector
    ) -> ProjectState:
        """Do what is missing of `migration`, operation by operation, and record it."""
        operations = detector.operations(migration)
        state = state.clone()
        with self.connection.schema_editor(atomic=migration.atomic) as editor:
            for part in operations.plan:
                operation, before = part.operations[0], state.clone()
                operation.state_forwards(migration.app_label, state)
                migration_state = operations.state(part)
                if migration_state is MigrationState.PARTIAL:
                    for statement in operations.repairs(part):
                        editor.execute(statement, params=None)
                elif migration_state is not MigrationState.APPLIED:
                    operation.database_forwards(migration.app_label, editor, before, state)
                    flush(editor)
            self.keeper.made_again(migration)
            if (migration.app_label, migration.name) not in self.recorder.applied_migrations():
                self.record_as_applied(migration)
        return state

    def applied_state(self) -> ProjectState:
        """Return the models' state that the applied migrations make; not to be changed."""
        applied = frozenset(self.loader.applied_migrations)
        if self._state is None or self._state[0] != applied:
            state: ProjectState = self._create_project_state(with_applied_migrations=True)  # type: ignore[attr-defined]  # missing in django-stubs
            self._state = (applied, state)
        return self._state[1]

    def record_as_applied(self, migration: Migration, applied_at: datetime | None = None) -> None:
        """Record `migration` and those it replaces, as of `applied_at` where that is known."""
        own = (migration.app_label, migration.name)
        with self._together(migration):
            for app_label, name in [*(migration.replaces or []), own]:
                self.recorder.record_applied(app_label, name)
                if applied_at is not None:
                    records = self.recorder.migration_qs.filter(app=app_label, name=name)
                    records.update(applied=applied_at)

    def record_as_unapplied(self, migration: Migration) -> None:
        """Take away the record of `migration` and of those it replaces."""
        own = (migration.app_label, migration.name)
        with self._together(migration):
            for app_label, name in [*(migration.replaces or []), own]:
                self.recorder.record_unapplied(app_label, name)

    def _together(self, migration: Migration) -> AbstractContextManager[None]:
        """Write several records in one transaction, so that an interruption leaves all or none."""
        several = bool(migration.replaces)
        return transaction.atomic(using=self.connection.alias) if several else nullcontext()


def completable(migration: Migration, done: MigrationState) -> set[MigrationState]:
    """Return the states from which a failed run goes on: done, or in part where it is trusted.

    The code of another migration may have run already, and must not run twice.
    """
    return {done, MigrationState.PARTIAL} if is_trusted(migration) else {done}


def flush(editor: BaseDatabaseSchemaEditor) -> None:
    """Execute now what the schema editor keeps for the end of its block."""
    while editor.deferred_sql:
        editor.execute(editor.deferred_sql.pop(0), None)
