"""Find the sessions and prepared transactions that block a migration."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from schema.connection.connect import server_parameters

POLL_INTERVAL = 0.02
"""Seconds between two polls; a migration waits for at least 0.05 s."""
REPORT_AFTER, REPORT_INTERVAL = 2.0, 15.0
"""Seconds of one wait before it is reported, and between reports."""

BLOCKERS = """
    WITH waiting AS (SELECT unnest(%(pids)s::int[]) AS pid),
    blocking AS (SELECT DISTINCT unnest(pg_blocking_pids(pid)) AS pid FROM waiting)
    SELECT pid, usename::text, application_name, host(client_addr), state, query_start,
        backend_type, NULL
    FROM pg_stat_activity WHERE pid IN (SELECT pid FROM blocking)
        AND pid NOT IN (SELECT pid FROM waiting)
    UNION ALL
    SELECT 0, owner::text, NULL, NULL, NULL, prepared, NULL, gid
    FROM pg_prepared_xacts AS one JOIN pg_locks AS own
        ON own.pid IS NULL AND own.granted AND own.transactionid = one.transaction
    WHERE 0 IN (SELECT pid FROM blocking) AND EXISTS (
        SELECT FROM pg_locks AS held JOIN pg_locks AS wanted
            ON held.locktype = wanted.locktype
            AND held.relation IS NOT DISTINCT FROM wanted.relation
            AND held.transactionid::text IS NOT DISTINCT FROM wanted.transactionid::text
        WHERE held.pid IS NULL AND held.virtualtransaction = own.virtualtransaction
            AND held.granted AND NOT wanted.granted
            AND wanted.pid IN (SELECT pid FROM waiting))
"""
"""0 among the blocking process numbers stands for prepared transactions."""

watched: set[int] = set()
"""The process numbers, on the server, of all sessions of the current run."""


@dataclass(frozen=True)
class Blocker:
    """What holds a lock that the migration asked for; None where the role may not know."""

    pid: int
    user: str | None
    application: str | None
    address: str | None
    state: str | None
    query_start: datetime | None
    kind: str | None
    prepared: str | None = None
    """The name of a prepared transaction, which belongs to no session."""

    @property
    def is_autovacuum(self) -> bool:
        """Whether it is PostgreSQL's own vacuum, which is cancelled if others wait for a while."""
        return self.kind == "autovacuum worker"

    def __str__(self) -> str:
        if self.is_autovacuum:
            return f"autovacuum (backend {self.pid})"
        if self.prepared is not None:
            since = (
                f", since {timezone.localtime(self.query_start):%H:%M:%S}"
                if self.query_start
                else ""
            )
            name = self.prepared.replace("'", "''")
            return (
                f"a prepared transaction of user {self.user}{since}, which ends with"
                f" COMMIT PREPARED '{name}' or ROLLBACK PREPARED '{name}'"
            )
        parts = [f"backend {self.pid}", f"user {self.user or 'unknown'}"]
        if self.application:
            parts.append(self.application)
        if self.address:
            parts.append(f"from {self.address}")
        if self.state:
            parts.append(self.state)
        if self.query_start:
            parts.append(f"query since {timezone.localtime(self.query_start):%H:%M:%S}")
        return ", ".join(parts)


class Watch:
    """Find, over a second connection, what blocks the sessions of the run.

    The server forgets the blockers as soon as a wait has failed, so this polls while a migration
    runs. Does nothing on SQLite, which does not report them, or where the role has no connection
    left.
    """

    def __init__(
        self, connection: BaseDatabaseWrapper, on_wait: Callable[[list[Blocker], float], None]
    ) -> None:
        self.connection = connection
        self.on_wait = on_wait
        self.seen: list[Blocker] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self.connection.vendor == "postgresql":
            self.connection.ensure_connection()
            watched.add(self.connection.connection.info.backend_pid)
            parameters = server_parameters(self.connection)
            self._thread = threading.Thread(
                target=self._poll, args=(parameters,), name="blockers", daemon=True
            )
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
            watched.clear()

    def forget(self) -> None:
        """Forget the blockers of an earlier wait."""
        self.seen = []

    def _poll(self, parameters: dict[str, str]) -> None:
        """Poll until the migration has ended, which itself reports that the server is gone."""
        waiting_since, reported_at = 0.0, 0.0
        try:
            with psycopg.connect(make_conninfo(**parameters), autocommit=True) as connection:
                connection.execute("SET DateStyle TO ISO")  # psycopg reads no other
                while not self._stop.wait(POLL_INTERVAL):
                    rows = connection.execute(BLOCKERS, {"pids": list(watched)}).fetchall()
                    now = time.monotonic()
                    if not rows:
                        waiting_since = reported_at = 0.0
                        continue
                    self.seen = [Blocker(*row) for row in rows]
                    waiting_since = waiting_since or now
                    waited = now - waiting_since
                    if waited > REPORT_AFTER and now - reported_at > REPORT_INTERVAL:
                        reported_at = now
                        self.on_wait(self.seen, waited)
        except psycopg.Error:
            return
