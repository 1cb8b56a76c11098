"""Hold a lock so that one process migrates at a time."""

import fcntl
import hashlib
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from schema.connection.connect import cannot_connect, database_file
from schema.report import ExitCode, Report

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two attempts to take the lock; they double."""
REMIND_AFTER = 30.0
"""Seconds between two reports of a wait."""

HOLDER = """
    SELECT pid, application_name, backend_start
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint << 32 | objid::bigint) = %s
"""


@contextmanager
def migration_lock(
    connection: BaseDatabaseWrapper, report: Report, *, patience: float
) -> Iterator[BaseDatabaseWrapper | None]:
    """Hold the migration lock; wait up to `patience` seconds for another process's.

    The lock ends with its holder, however that ends: PostgreSQL releases it with the session
    and the kernel with the process. Yields the connection that holds the lock, on
    PostgreSQL: autocommit, apart from the migrations' own, and idle meanwhile. A blocking
    advisory lock would deadlock: CREATE INDEX CONCURRENTLY waits for sessions that wait.

    Raises:
        CommandError: Another process held the lock all the time.
    """
    if connection.vendor == "postgresql":
        with _postgresql_lock(connection, report, patience) as holder:
            yield holder
    elif connection.is_in_memory_db():  # type: ignore[attr-defined]  # SQLite's alone
        yield None  # no other process can reach it
    else:
        with _file_lock(connection, report, patience):
            yield None


@contextmanager
def _postgresql_lock(
    connection: BaseDatabaseWrapper, report: Report, patience: float
) -> Iterator[BaseDatabaseWrapper]:
    holder = connection.copy()
    try:
        with holder.cursor() as cursor:
            name = f"migrate, process {os.getpid()} on {socket.gethostname()}"
            cursor.execute(
                "SELECT current_schema(), set_config('application_name', %s, false),"
                " set_config('idle_session_timeout', '0', false),"
                " set_config('statement_timeout', '0', false),"
                " set_config('synchronous_commit', 'local', false)",
                [name[:63]],
            )
            key = lock_key(cursor.fetchone()[0])

            def take() -> bool:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
                return bool(cursor.fetchone()[0])

            def describe() -> str:
                cursor.execute(HOLDER, [key])
                row = cursor.fetchone()
                if row is None:
                    return ""
                return f"{row[1] or 'a session'}, backend {row[0]}, since {row[2]:%H:%M:%S}"

            _wait(take, describe, report, patience)
        yield holder
    finally:
        holder.close()  # releases the lock


@contextmanager
def _file_lock(connection: BaseDatabaseWrapper, report: Report, patience: float) -> Iterator[None]:
    database = database_file(connection)
    # The file stays: if it were removed, a process could hold the lock of a deleted file.
    try:
        file = database.with_name(database.name + "-migrate-lock").open("a+")
    except OSError as error:
        raise cannot_connect(connection, error) from error
    with file:

        def take() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        def describe() -> str:
            file.seek(0)
            return file.read().strip()

        _wait(take, describe, report, patience)
        file.truncate(0)
        now = timezone.localtime()
        file.write(f"process {os.getpid()} on {socket.gethostname()}, since {now:%H:%M:%S}\n")
        file.flush()
        yield


def _wait(
    take: Callable[[], bool], describe: Callable[[], str], report: Report, patience: float
) -> None:
    begin = time.monotonic()
    pause, remind_at = FIRST_PAUSE, 0.0
    while not take():
        waited = time.monotonic() - begin
        if waited >= patience:
            raise CommandError(
                f"Another migrate is still running ({describe() or 'holder unknown'}); waited"
                f" {waited:.0f} s.\nNothing was changed by this one. Wait longer with"
                " --lock-timeout, or end the other process.",
                returncode=ExitCode.LOCKED,
            )
        if waited >= remind_at:
            who = describe()
            report.write(
                "waiting",
                f"Another migrate is running{f' ({who})' if who else ''}: waiting"
                f" up to {patience - waited:.0f} s more ...",
                holder=who,
                waited=round(waited, 1),
            )
            remind_at += REMIND_AFTER
        time.sleep(min(pause * random.uniform(0.5, 1), max(patience - waited, 0.01)))  # noqa: S311 - no secret
        pause = min(pause * 2, LONGEST_PAUSE)


def lock_key(schema_name: str | None) -> int:
    """Return the advisory lock's key: one for each schema; the server adds the database."""
    digest = hashlib.sha256(f"schema.migrate:{schema_name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
