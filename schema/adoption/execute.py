"""The executor of a database that is taken over."""

from __future__ import annotations

from collections.abc import Callable

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from schema.adoption.plan import Adoption
from schema.drift.migration_state import MigrationState
from schema.execution.executor import Direction, RecordingExecutor
from schema.execution.retry import Runner
from schema.models import MigrationRun


class AdoptingExecutor(RecordingExecutor):
    """Mends and records a migration whose work is there; runs the others as usual."""

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

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Take over what is there, or else run the migration."""
        if not fake:
            self.adoption.make_way(migration)
        if fake or not self.adoption.takes_over(migration):
            return super().apply_migration(state, migration, fake, fake_initial)

        def work() -> ProjectState:
            self.adoption.mend(migration)
            self.record_as_applied(migration, self.adoption.moment(migration))
            return migration.mutate_state(state)

        return self.runner(migration, Direction.FORWARDS, work, MigrationRun.Outcome.ADOPTED)
