"""The recorded runs: their time, user, changes and outcome."""

import getpass
import json
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
from schema.models import MigrationKey, MigrationRun

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
class PastRun:
    """A run as the history has it."""

    id: int
    app: str
    name: str
    direction: str
    outcome: str
    checksum: str


@dataclass(frozen=True)
class RecordedChanges:
    """What one run made and removed, in the form of `schema.introspection.changes`."""

    key: MigrationKey
    direction: str
    outcome: str
    document: dict[str, Any]


class History:
    """Writes the history over a connection of its own, so that a row outlives a rollback.

    SQLite has one writer at a time, so there the migration's own connection writes, before
    its transaction begins and after it has ended. While the table does not exist (before
    the first migration of `schema`, or after its rollback) nothing is written. The changes of
    a run that ends before their column exists are written as soon as it does.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self._table_exists: bool | None = None
        self._column_exists: bool | None = None
        self._pending: dict[int, dict[str, Any]] = {}

    def begin(
        self, migration: Migration, direction: MigrationRun.Direction, *, faked: bool = False
    ) -> Run:
        """Commit a RUNNING row before the first statement of `migration`."""
        run = Run(migration, direction, timezone.now(), faked)
        if self._has_table():
            run.id = self._insert(run, Outcome.RUNNING, None, "")
        return run

    def end(
        self,
        run: Run,
        outcome: MigrationRun.Outcome,
        error: str = "",
        changes: dict[str, Any] | None = None,
    ) -> None:
        """Write how `run` ended; a table that was made or dropped by it is taken into account."""
        if run.migration.app_label == "schema":
            self._table_exists = self._column_exists = None
        if not self._has_table():
            return
        if run.id is None:
            run.id = self._insert(run, outcome, timezone.now(), error)
        else:
            self._execute(
                f"UPDATE {TABLE} SET outcome = %s, finished_at = %s, error = %s WHERE id = %s",  # noqa: S608 - a constant
                [str(outcome), self._adapt(timezone.now()), error, run.id],
            )
        if changes is not None:
            self._pending[run.id] = changes
        self._write_changes()

    def take_as_found(self, migration: Migration, changes: dict[str, Any]) -> None:
        """Record what is there of a migration that was applied before changes were recorded."""
        run = Run(migration, Direction.FORWARDS, timezone.now())
        run.id = self._insert(run, Outcome.FOUND, timezone.now(), "")
        self._pending[run.id] = changes
        self._write_changes()

    def past(self) -> list[PastRun]:
        """Return all runs, the newest last."""
        if not self._has_table():
            return []
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id, app, name, direction, outcome, checksum FROM {TABLE} ORDER BY id"  # noqa: S608 - a constant
            )
            return [PastRun(*row) for row in cursor.fetchall()]

    def recorded_changes(self) -> list[RecordedChanges]:
        """Return the changes of every run that recorded them, the newest last."""
        if not (self._has_table() and self._has_column()):
            return []
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT app, name, direction, outcome, changes FROM {TABLE}"  # noqa: S608 - a constant
                " WHERE changes IS NOT NULL ORDER BY id"
            )
            return [
                RecordedChanges((app, name), direction, outcome, json.loads(document))
                for app, name, direction, outcome, document in cursor.fetchall()
            ]

    def edited(self, applied: Iterable[Migration]) -> list[Migration]:
        """Return those of the applied migrations whose files have changed since."""
        return edited(self.past(), applied)

    def set_outcome(self, run: PastRun, outcome: MigrationRun.Outcome) -> None:
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
                    self._adapt(run.started_at),
                    self._adapt(finished_at) if finished_at else None,
                    error,
                    operator(self.connection) + (" with --fake" if run.faked else ""),
                    socket.gethostname(),
                    migration_checksum(run.migration),
                ],
            )
            row: tuple[int] = cursor.fetchone()
        return row[0]

    def _write_changes(self) -> None:
        if not (self._pending and self._has_column()):
            return
        for id_, document in self._pending.items():
            self._execute(
                f"UPDATE {TABLE} SET changes = %s WHERE id = %s",  # noqa: S608 - a constant
                [json.dumps(document, ensure_ascii=False), id_],
            )
        self._pending.clear()

    def _execute(self, sql: str, params: list[Any]) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)

    def _adapt(self, timestamp: datetime) -> Any:
        return self.connection.ops.adapt_datetimefield_value(timestamp)

    def _has_table(self) -> bool:
        if not self._table_exists:
            with self.connection.cursor() as cursor:
                names = self.connection.introspection.table_names(cursor)
            self._table_exists = TABLE in names
        return self._table_exists

    def _has_column(self) -> bool:
        if not self._column_exists:
            with self.connection.cursor() as cursor:
                columns = self.connection.introspection.get_table_description(cursor, TABLE)
            self._column_exists = "changes" in {column.name for column in columns}
        return self._column_exists


def operator(connection: BaseDatabaseWrapper) -> str:
    """Return the operating system's user and, where there is one, the database role."""
    try:
        person = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        person = f"uid {os.getuid()}"
    role = connection.settings_dict.get("USER")
    return f"{person} as {role}" if role else person


def edited(past: Iterable[PastRun], applied: Iterable[Migration]) -> list[Migration]:
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
