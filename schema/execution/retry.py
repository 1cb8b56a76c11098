"""Run each migration with its history, its report and its retries."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.db import Error, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from schema.batches.progress import Progress, listener
from schema.connection.blockers import Blocker, Watch
from schema.connection.errors import explained, remedy, sqlstate, waited_for_a_lock
from schema.connection.retry import GaveUpError, RetryPolicy, retry, retry_policy
from schema.connection.session import session_settings
from schema.drift.trusted import is_trusted
from schema.execution.executor import Keeper, Work
from schema.execution.statement_retry import statements_retried
from schema.history.runs import History, Run
from schema.models import MigrationRun
from schema.report import ExitCode, Report, duration

if TYPE_CHECKING:
    from schema.introspection.catalog import Catalog

DOING = {
    MigrationRun.Direction.FORWARDS: ("applying", "applied"),
    MigrationRun.Direction.BACKWARDS: ("rolling back", "rolled back"),
}
ADOPTING = ("adopting", "adopted")
FAKING = ("faking", "faked")
PROGRESS_EVERY = 1.0
"""Seconds between two events of a data step."""
AUTOVACUUM_YIELDS_AFTER = 0.2
"""Seconds after deadlock_timeout by which PostgreSQL has cancelled an autovacuum."""

EXIST_ALREADY = {"42P07", "42701", "42710", "42P06"}
"""PostgreSQL's codes for a table or index, a column, another object, a schema."""
DONE_IN_PART = (
    "An interrupted run has probably made it, and nothing tells how far that run came. Compare the"
    " file of {migration} with the database. Undo the part that was done and run migrate again, or"
    " complete it and run `python manage.py migrate --fake {migration.app_label} {migration.name}`."
)

VACUUMED = """
    SELECT oid::regclass::text FROM pg_locks JOIN pg_class ON oid = relation
    WHERE pid = %s AND locktype = 'relation' AND mode = 'ShareUpdateExclusiveLock'
    AND granted AND relkind IN ('r', 'm')
"""


class Runner:
    """Runs one migration after the other for the executor."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        history: History,
        report: Report,
        policy: RetryPolicy,
    ) -> None:
        self.connection = connection
        self.history = history
        self.report = report
        self.policy = policy
        self.keeper = Keeper()
        self._reported_at = 0.0
        self._blockers: list[Blocker] = []
        """What the migration waited for when it gave up."""
        self._catalog: Catalog | None = None

    def __call__(
        self,
        migration: Migration,
        direction: MigrationRun.Direction,
        work: Work,
        outcome: MigrationRun.Outcome = MigrationRun.Outcome.SUCCEEDED,
        *,
        faked: bool = False,
    ) -> ProjectState:
        """Run `work`, and record and report how it ended.

        Raises:
            CommandError: The migration failed; the text names what remains and the remedy.
        """
        adopted = outcome is MigrationRun.Outcome.ADOPTED
        doing, done = FAKING if faked else ADOPTING if adopted else DOING[direction]
        self.report.status(f"  {doing} {migration} ...")
        begin = time.monotonic()
        before = None if faked else self._read_schema()
        run = self.history.begin(migration, direction, faked=faked)
        terminal = not (self.report.as_json or self.report.quiet)
        token = listener.set(listener.get() or (None if terminal else self._report_progress))
        try:
            state = self._try(migration, work)
        except Exception as error:
            self._write_failure(run, error)
            self.report.write(
                "migration_failed",
                migration=str(migration),
                direction=str(direction),
                seconds=round(time.monotonic() - begin, 3),
                error=explained(error),
            )
            raise self._failure(
                migration, doing, error, whole=migration.atomic and not adopted
            ) from error
        finally:
            listener.reset(token)
        seconds = time.monotonic() - begin
        self.history.end(run, outcome, changes=self._changes_since(before))
        self.report.write(
            "migrated",
            f"  {done} {migration} ({duration(seconds)})",
            migration=str(migration),
            direction=str(direction),
            seconds=round(seconds, 3),
            faked=faked,
        )
        return state

    def _read_schema(self) -> Catalog:
        """Return the schema as the last migration left it."""
        from schema.introspection.read import read_catalog

        if self._catalog is None:
            self._catalog = read_catalog(self.connection)
        return self._catalog

    def _changes_since(self, before: Catalog | None) -> dict[str, Any] | None:
        """Return what has changed since `before` was read, for the history."""
        from schema.introspection.changes import changes, to_json
        from schema.introspection.read import read_catalog

        if before is None:
            return None
        self._catalog = read_catalog(self.connection)
        document = to_json(changes(before, self._catalog), self._server)
        return document | ({"kept": list(self.keeper.notes)} if self.keeper.notes else {})

    @cached_property
    def _server(self) -> str:
        from schema.introspection.changes import server_of

        return server_of(self.connection)

    def _try(self, migration: Migration, work: Work) -> ProjectState:
        """Run `work` until it gets its locks, or patience ends."""
        attempts = 1

        def on_wait(blockers: list[Blocker], waited: float) -> None:
            self._report_conflict(migration, blockers, f"for {waited:.0f} s now", attempts)

        def attempt() -> ProjectState:
            for blocker in watch.seen:
                if blocker.is_autovacuum:
                    self._outwait_autovacuum(blocker)
            watch.forget()
            with session_settings(self.connection, settings):
                if migration.atomic or is_trusted(migration):
                    return work()
                with statements_retried(self.connection):
                    return work()

        def on_conflict(attempt: int, pause: float) -> None:
            nonlocal attempts
            attempts = attempt + 1
            when = f"attempt {attempt} gave way, the next in {duration(pause)}"
            self._report_conflict(migration, watch.seen, when, attempt)

        policy = replace(self.policy, on_conflict=on_conflict)
        # A commit that waits for the disk keeps its locks meanwhile. It need not wait: the
        # history's commit, on a connection of its own, follows and flushes this one too.
        settings = {"lock_timeout": policy.lock_timeout_setting, "synchronous_commit": "off"}
        token = retry_policy.set(policy)
        try:
            with Watch(self.connection, on_wait) as watch:
                try:
                    return retry(attempt, policy)
                except GaveUpError:
                    self._blockers = watch.seen
                    raise
        finally:
            retry_policy.reset(token)

    def _report_progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.finished or now - self._reported_at >= PROGRESS_EVERY:
            self._reported_at = now
            self.report.write("progress", **vars(progress))

    def _report_conflict(
        self, migration: Migration, blockers: list[Blocker], when: str, attempt: int
    ) -> None:
        sessions = "; ".join(map(str, blockers)) or "another program"
        self.report.write(
            "waiting_for_lock",
            f"  {migration} waits for a lock of {sessions} ({when})",
            migration=str(migration),
            attempt=attempt,
            blockers=[vars(blocker) for blocker in blockers],
        )

    def _outwait_autovacuum(self, autovacuum: Blocker) -> None:
        """Wait for the tables that an autovacuum holds, until PostgreSQL cancels it.

        That takes deadlock_timeout, too long a wait for the migration's own lock. The lock that
        is requested here conflicts with the vacuum's, but with no reader or writer.
        """
        try:
            with (
                transaction.atomic(using=self.connection.alias),
                self.connection.cursor() as cursor,
            ):
                cursor.execute(VACUUMED, [autovacuum.pid])
                tables = [row[0] for row in cursor.fetchall()]
                patience = self._deadlock_timeout() + AUTOVACUUM_YIELDS_AFTER
                cursor.execute(f"SET LOCAL lock_timeout = {patience * 1000:.0f}")
                for table in tables:
                    cursor.execute(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE")
        except Error as error:
            if not waited_for_a_lock(error):
                raise

    def _deadlock_timeout(self) -> float:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT extract(epoch FROM current_setting('deadlock_timeout')::interval)"
            )
            return float(cursor.fetchone()[0])

    def _write_failure(self, run: Run, error: Exception) -> None:
        """Record the failure; if the server has gone, the run stays RUNNING.

        The next migrate finds it and marks it interrupted.
        """
        text = f"{type(error).__name__}: {explained(error)}"
        try:
            self.history.end(run, MigrationRun.Outcome.FAILED, text)
        except Error as lost:
            self.report.write("history_lost", error=str(lost))

    def _failure(
        self, migration: Migration, doing: str, error: Exception, *, whole: bool
    ) -> CommandError:
        busy = waited_for_a_lock(error)
        what = "rolling it back" if doing == "rolling back" else f"{doing} it"
        left = (
            "Nothing of it remains"
            if whole
            else "What it had finished remains, and the next run resumes there"
        )
        advice = remedy(error)
        if not whole and sqlstate(error) in EXIST_ALREADY and not is_trusted(migration):
            left, advice = "What it had finished remains", DONE_IN_PART.format(migration=migration)
        waited = "".join(f"\nIt waited for {blocker}." for blocker in self._blockers)
        return CommandError(
            f"{migration} failed while {what}: {explained(error)}{waited}\n"
            f"{left}; the migrations before it are done.\n{advice}",
            returncode=ExitCode.BUSY if busy else ExitCode.FAILED,
        )
