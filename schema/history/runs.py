"""The history of runs: what was done to the database, when, by whom, and how it ended."""

import getpass
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.utils import timezone

from schema.history.checksums import migration_checksum
from schema.history.status import project_apps
from schema.models import MigrationRun

TABLE = MigrationRun._meta.db_table
Direction = MigrationRun.Direction
Outcome = MigrationRun.Outcome


@dataclass
class Run:
    """One attempt at one migration; `id` is None until its row is written."""

    migration: Migration
    direction: MigrationRun.Direction
    started_at: datetime
    faked: bool = False
    """Only the record was changed."""
    id: int | None = None


@dataclass(frozen=True)
class Past:
    """A run as the history has it."""

    id: int
    app: str
    name: str
    direction: str
    outcome: str
    checksum: str


class History:
    """Writes the history over a connection of its own, so that a row outlives a rollback.

    SQLite has one writer at a time, so there the migration's own connection writes, before
    its transaction begins and after it has ended. While the table does not exist (before
    the first migration of `schema`, or after its rollback) nothing is written.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self._exists: bool | None = None

    def begin(
        self, migration: Migration, direction: MigrationRun.Direction, *, faked: bool = False
    ) -> Run:
        """Commit a RUNNING row before the first statement of `migration`."""
        run = Run(migration, direction, timezone.now(), faked)
        if self._exists or self._look():
            run.id = self._insert(run, Outcome.RUNNING, None, "")
        return run

    def end(self, run: Run, outcome: MigrationRun.Outcome, error: str = "") -> None:
        """Write how `run` ended; a table that came or went with it is taken into account."""
        if run.migration.app_label == "schema":
            self._look()
        if not self._exists:
            return
        if run.id is None:
            run.id = self._insert(run, outcome, timezone.now(), error)
            return
        self._execute(
            f"UPDATE {TABLE} SET outcome = %s, finished_at = %s, error = %s WHERE id = %s",  # noqa: S608 - a constant
            [str(outcome), self._moment(timezone.now()), error, run.id],
        )

    def past(self) -> list[Past]:
        """Return all runs, the newest last."""
        if not (self._exists or self._look()):
            return []
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id, app, name, direction, outcome, checksum FROM {TABLE} ORDER BY id"  # noqa: S608 - a constant
            )
            return [Past(*row) for row in cursor.fetchall()]

    def edited(self, applied: Iterable[Migration]) -> list[Migration]:
        """Return those of the applied migrations whose files have changed since."""
        return edited(self.past(), applied)

    def set_outcome(self, run: Past, outcome: MigrationRun.Outcome) -> None:
        """Write how a run ended that its process did not write; when is not known."""
        self._execute(
            f"UPDATE {TABLE} SET outcome = %s WHERE id = %s",  # noqa: S608 - a constant
            [str(outcome), run.id],
        )

    def _insert(
        self, run: Run, outcome: MigrationRun.Outcome, finished_at: datetime | None, error: str
    ) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {TABLE} (app, name, direction, outcome, started_at, finished_at,"  # noqa: S608 - a constant
                " error, operator, host, checksum)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
                [
                    run.migration.app_label,
                    run.migration.name,
                    str(run.direction),
                    str(outcome),
                    self._moment(run.started_at),
                    self._moment(finished_at) if finished_at else None,
                    error,
                    operator(self.connection) + (" with --fake" if run.faked else ""),
                    socket.gethostname(),
                    migration_checksum(run.migration),
                ],
            )
            row: tuple[int] = cursor.fetchone()
        return row[0]

    def _execute(self, sql: str, params: list[Any]) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)

    def _moment(self, moment: datetime) -> Any:
        return self.connection.ops.adapt_datetimefield_value(moment)

    def _look(self) -> bool:
        with self.connection.cursor() as cursor:
            self._exists = TABLE in self.connection.introspection.table_names(cursor)
        return self._exists


def operator(connection: BaseDatabaseWrapper) -> str:
    """Return the operating system's user and, where there is one, the database role."""
    try:
        person = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        person = f"uid {os.getuid()}"
    role = connection.settings_dict.get("USER")
    return f"{person} as {role}" if role else person


def edited(past: Iterable[Past], applied: Iterable[Migration]) -> list[Migration]:
    """Return those of the applied migrations whose files have changed since.

    A migration that has no successful run (another tool applied it) is not edited. One whose
    file was rewritten to make the same schema lists the checksums of its earlier forms in the
    attribute `former_checksums`.
    """
    known = {
        (run.app, run.name): run.checksum
        for run in past
        if run.direction == Direction.FORWARDS
        and run.outcome in {Outcome.SUCCEEDED, Outcome.ADOPTED}
    }
    ours = project_apps()  # what comes with an upgrade of the framework is no edit
    return [
        migration
        for migration in applied
        if migration.app_label in ours
        and (then := known.get((migration.app_label, migration.name)))
        and then not in {migration_checksum(migration), *former_checksums(migration)}
    ]


def former_checksums(migration: Migration) -> tuple[str, ...]:
    """Return the checksums of the earlier forms of the migration's file."""
    return getattr(migration, "former_checksums", ())
