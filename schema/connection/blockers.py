"""Whom a migration waits for."""

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
"""Seconds between two looks; a migration gives up waiting after 0.05 at the soonest."""
REPORT_AFTER, REPORT_INTERVAL = 2.0, 15.0
"""Seconds of one long wait before it is told, and between tellings."""

BLOCKERS = """
    SELECT pid, usename, application_name, host(client_addr), state, query_start, backend_type
    FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(%s))
"""


@dataclass(frozen=True)
class Blocker:
    """A session that holds a lock the migration asked for; None is what may not be known."""

    pid: int
    user: str | None
    application: str | None
    address: str | None
    state: str | None
    query_start: datetime | None
    kind: str | None

    @property
    def is_autovacuum(self) -> bool:
        """Whether it is PostgreSQL's own vacuum, which yields to who waits for a while."""
        return self.kind == "autovacuum worker"

    def __str__(self) -> str:
        if self.is_autovacuum:
            return f"autovacuum (backend {self.pid})"
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
    """Looks, from a second connection, whom the migration's connection waits for.

    The names are gone once the wait has failed, so it looks all the time while a migration
    runs. Does nothing on SQLite, which cannot tell.
    """

    def __init__(
        self, connection: BaseDatabaseWrapper, tell: Callable[[list[Blocker], float], None]
    ) -> None:
        self.connection = connection
        self.tell = tell
        self.seen: list[Blocker] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self.connection.vendor == "postgresql":
            self.connection.ensure_connection()
            pid = self.connection.connection.info.backend_pid
            parameters = server_parameters(self.connection)
            self._thread = threading.Thread(
                target=self._look, args=(pid, parameters), name="blockers", daemon=True
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

    def forget(self) -> None:
        """Begin a new wait."""
        self.seen = []

    def _look(self, pid: int, parameters: dict[str, str]) -> None:
        """Look until told to stop; that the server is gone is the migration's to report."""
        waiting_since, told_at = 0.0, 0.0
        try:
            with psycopg.connect(make_conninfo(**parameters), autocommit=True) as connection:
                while not self._stop.wait(POLL_INTERVAL):
                    rows = connection.execute(BLOCKERS, [pid]).fetchall()
                    now = time.monotonic()
                    if not rows:
                        waiting_since = told_at = 0.0
                        continue
                    self.seen = [Blocker(*row) for row in rows]
                    waiting_since = waiting_since or now
                    waited = now - waiting_since
                    if waited > REPORT_AFTER and now - told_at > REPORT_INTERVAL:
                        told_at = now
                        self.tell(self.seen, waited)
        except psycopg.Error:
            return
