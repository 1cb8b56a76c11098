"""Runs each migration: with its history, its line of progress and its clock."""

import time

from django.core.management.base import CommandError
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from schema.executor import Work
from schema.explaining import first_line, remedy
from schema.history import History
from schema.models import MigrationRun
from schema.reporting import Report, duration

DOING = {
    MigrationRun.Direction.FORWARDS: ("applying", "applied"),
    MigrationRun.Direction.BACKWARDS: ("rolling back", "rolled back"),
}


class Runner:
    """Runs one migration after the other for the executor."""

    def __init__(self, history: History, report: Report) -> None:
        self.history = history
        self.report = report

    def __call__(
        self, migration: Migration, direction: MigrationRun.Direction, work: Work
    ) -> ProjectState:
        """Do `work`, and see to it that what happened is written down and said.

        Raises:
            CommandError: the migration failed; the text says what is left and what to do.
        """
        doing, done = DOING[direction]
        self.report.doing(f"  {doing} {migration} ...")
        begin = time.monotonic()
        run = self.history.begin(migration, direction)
        try:
            state = work()
        except Exception as error:
            self.history.end(run, MigrationRun.Outcome.FAILED, f"{type(error).__name__}: {error}")
            self.report.say(
                "migration_failed",
                migration=str(migration),
                direction=str(direction),
                seconds=round(time.monotonic() - begin, 3),
                error=str(error),
            )
            left = (
                "Nothing of it remains"
                if migration.atomic
                else "What it had finished remains, and the next run goes on from there"
            )
            raise CommandError(
                f"{migration} failed while {doing} it: {first_line(error)}\n"
                f"{left}; the migrations before it are done.\n{remedy(error)}"
            ) from error
        seconds = time.monotonic() - begin
        self.history.end(run, MigrationRun.Outcome.SUCCEEDED)
        self.report.say(
            "migrated",
            f"  {done} {migration} ({duration(seconds)})",
            migration=str(migration),
            direction=str(direction),
            seconds=round(seconds, 3),
        )
        return state
