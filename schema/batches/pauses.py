"""Pause a data step while a replica is behind, or while an operator asks for it.

A replica that is behind answers readers with old rows, and the primary keeps the log that it has
not read. How far it is behind is measured here: the server reports the time that the last reply
took, which stays as it is while a replica does not replay at all.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.models import MigrationPause

LOOK_EVERY = 1.0
"""Seconds between two looks at the replicas."""
REMIND_AFTER = 30.0
"""Seconds between two reports of one pause."""

# Without pg_read_all_stats the positions are NULL, and nothing is known.
REPLICAS = """
    SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn,
           coalesce((SELECT json_agg(json_build_array(
                        coalesce(nullif(application_name, ''), host(client_addr), pid::text), pid,
                        replay_lsn - '0/0'::pg_lsn))
                     FROM pg_stat_replication WHERE replay_lsn IS NOT NULL), '[]'),
           coalesce((SELECT json_agg(json_build_array(
                        slot_name, pg_current_wal_insert_lsn() - restart_lsn))
                     FROM pg_replication_slots WHERE restart_lsn IS NOT NULL), '[]')
"""


@dataclass(frozen=True)
class PausePolicy:
    """What makes a step pause."""

    max_lag: float = 10.0
    """Seconds a replica may be behind."""
    max_retained: int = 16 * 2**30
    """Bytes of log that a replication slot may retain."""
    on_pause: Callable[[str], None] = lambda text: None
    """Called with the reason for a pause, again every half a minute, and with its end."""


DEFAULT = PausePolicy()
pause_policy: ContextVar[PausePolicy] = ContextVar("pause_policy", default=DEFAULT)
"""The policy of the current run."""


@dataclass
class Pauses:
    """Decides between two batches whether a step may go on; shared by its threads."""

    policy: PausePolicy
    stop: threading.Event
    can_be_asked: bool
    """Whether the database has the table that an operator asks in."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    _looked_at: float = 0.0
    _written: deque[tuple[float, int]] = field(default_factory=deque)
    """When the log was how long, the oldest that some replica has not replayed first."""

    def wait(self, connection: BaseDatabaseWrapper) -> None:
        """Return when nothing asks for a pause, or when a part of the step has failed."""
        with self.lock:
            if time.monotonic() - self._looked_at < LOOK_EVERY:
                return
            reason = self._reason(connection)
            begin, reported_at = time.monotonic(), 0.0
            paused = bool(reason)
            while reason and not self.stop.is_set():
                if not reported_at or time.monotonic() - reported_at >= REMIND_AFTER:
                    reported_at = time.monotonic()
                    self.policy.on_pause(f"pauses: {reason}")
                self.stop.wait(LOOK_EVERY)
                reason = self._reason(connection)
            if paused:
                self.policy.on_pause(f"goes on after {time.monotonic() - begin:.0f} s")
            self._looked_at = time.monotonic()

    def _reason(self, connection: BaseDatabaseWrapper) -> str:
        if self.can_be_asked:
            asked = MigrationPause.objects.using(connection.alias).order_by("id").first()
            if asked is not None:
                return f"{asked.operator} asked for it; `migrate --resume` lets it go on"
        return self._replica_behind(connection) if connection.vendor == "postgresql" else ""

    def _replica_behind(self, connection: BaseDatabaseWrapper) -> str:
        with connection.cursor() as cursor:
            cursor.execute(REPLICAS)
            length, replicas, slots = cursor.fetchone()
        now = time.monotonic()
        self._written.append((now, int(length)))
        slowest = min([int(replayed) for _, _, replayed in replicas], default=int(length))
        while len(self._written) > 1 and self._written[0][1] <= slowest:
            self._written.popleft()
        for name, _, replayed in replicas:
            since = next((then for then, end in self._written if end > replayed), now)
            if now - since > self.policy.max_lag:
                return f"the replica {name} is {now - since:.0f} s behind"
        for name, retained in slots:
            if retained > self.policy.max_retained:
                return f"the replication slot {name} retains {retained / 2**30:.1f} GB of the log"
        return ""
