"""Django's migration executor, without the moment between a change and its record."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from schema.models import MigrationRun

Direction = MigrationRun.Direction
Work = Callable[[], ProjectState]
Plan = list[tuple[Migration, bool]]

# The history is kept from here on, so it goes before everything else.
FIRST = ("schema", "0001_initial")


def run_once(migration: Migration, direction: MigrationRun.Direction, work: Work) -> ProjectState:
    """Run `work` and nothing besides."""
    return work()


class RecordingExecutor(MigrationExecutor):
    """Records each atomic migration in the transaction that makes its changes.

    Django commits the changes first and the record afterwards, in both directions; a process
    killed in between leaves a database that contradicts its records.
    """

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        run: Callable[[Migration, MigrationRun.Direction, Work], ProjectState] = run_once,
    ) -> None:
        """Make an executor that passes each migration through `run`.

        `run` is given the migration, its direction and the work, which it may repeat after
        a failure: an atomic migration has left nothing behind then, and others must be able
        to start again.
        """
        super().__init__(connection)
        self.run = run

    def migration_plan(
        self,
        targets: Sequence[tuple[str, str | None]] | set[tuple[str, str]],
        clean_start: bool = False,
    ) -> Plan:
        """Return Django's plan with the history's own migration in front."""
        plan = super().migration_plan(targets, clean_start=clean_start)
        return sorted(plan, key=lambda step: step[1] or (step[0].app_label, step[0].name) != FIRST)

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
            return super().apply_migration(state, migration, fake=True)

        def work() -> ProjectState:
            with self.connection.schema_editor(atomic=migration.atomic) as editor:
                after = migration.apply(state.clone(), editor)
                flush(editor)
                self.record_as_applied(migration)
            return after

        return self.run(migration, Direction.FORWARDS, work)

    def unapply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False
    ) -> ProjectState:
        """Run a migration backwards and take its record away, together."""
        if fake:
            return super().unapply_migration(state, migration, fake=True)

        def work() -> ProjectState:
            with self.connection.schema_editor(atomic=migration.atomic) as editor:
                before = migration.unapply(state, editor)
                flush(editor)
                self.record_as_unapplied(migration)
            return before

        return self.run(migration, Direction.BACKWARDS, work)

    def applied_state(self) -> ProjectState:
        """Return the models' state that the applied migrations make."""
        state: ProjectState = self._create_project_state(with_applied_migrations=True)  # type: ignore[attr-defined]  # missing in django-stubs
        return state

    def record_as_applied(self, migration: Migration, applied_at: datetime | None = None) -> None:
        """Record `migration`, as of `applied_at` where it was applied by other means."""
        for app_label, name in migration.replaces or [(migration.app_label, migration.name)]:
            self.recorder.record_applied(app_label, name)
            if applied_at is not None:
                records = self.recorder.migration_qs.filter(app=app_label, name=name)
                records.update(applied=applied_at)

    def record_as_unapplied(self, migration: Migration) -> None:
        """Take away the record of `migration` and of those it replaces."""
        own = (migration.app_label, migration.name)
        for app_label, name in [*(migration.replaces or []), own]:
            self.recorder.record_unapplied(app_label, name)


def flush(editor: BaseDatabaseSchemaEditor) -> None:
    """Execute now what the schema editor keeps for the end of its block."""
    while editor.deferred_sql:
        editor.execute(editor.deferred_sql.pop(0), None)
