"""Retry work that conflicts with the locks of other sessions."""

import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from django.db import Error, OperationalError

from schema.connection.errors import waited_for_a_lock

Result = TypeVar("Result")


class GaveUpError(OperationalError):
    """No attempt got its locks while patience lasted; the cause is the last attempt's error."""


@dataclass(frozen=True)
class RetryPolicy:
    """How long a statement queues for a lock, and for how long the work is tried again.

    A statement that queues for a table's lock makes every later statement on that table queue
    behind it, so `lock_timeout` is the longest stall that other sessions see. Every attempt has
    this limit, the last one too. All durations are in seconds.
    """

    lock_timeout: float = 0.05
    patience: float = 300
    """Counted from the first conflict."""
    first_pause: float = 0.1
    longest_pause: float = 5.0
    """Pauses double up to this one; a random part of each lets other sessions through."""
    on_conflict: Callable[[int, float], None] = lambda attempt, pause: None
    """Called with the number of the failed attempt and the pause before the next."""

    @property
    def lock_timeout_setting(self) -> str:
        """Return the value of PostgreSQL's `lock_timeout`."""
        return milliseconds(self.lock_timeout)


DEFAULT = RetryPolicy()
retry_policy: ContextVar[RetryPolicy] = ContextVar("retry_policy", default=DEFAULT)
"""The policy of the current run: a command sets it, and whatever waits for locks reads it."""


class Retries:
    """Count the attempts at one piece of work and decide whether to make another."""

    def __init__(self, policy: RetryPolicy) -> None:
        self.policy = policy
        self.failed = 0
        self._deadline = 0.0

    def pause_after(self, error: Error) -> float:
        """Return the seconds to wait before the next attempt.

        Raises:
            GaveUpError: Patience has ended.
            Error: `error` itself, where another attempt would not help.
        """
        if isinstance(error, GaveUpError) or not waited_for_a_lock(error):
            raise error
        now = time.monotonic()
        if self.failed == 0:
            self._deadline = now + self.policy.patience
        if now >= self._deadline:
            raise GaveUpError(str(error)) from error
        doubled = self.policy.first_pause * 2.0**self.failed
        pause = min(doubled, self.policy.longest_pause)
        pause = min(pause * random.uniform(0.5, 1), self._deadline - now)  # noqa: S311 - not a secret
        self.failed += 1
        self.policy.on_conflict(self.failed, pause)
        return pause


def retry(work: Callable[[], Result], policy: RetryPolicy | None = None) -> Result:
    """Call `work` until it gets its locks; without a `policy`, the current run's applies.

    Raises:
        GaveUpError: Patience has ended.
        Error: `work` failed for another reason.
    """
    retries = Retries(policy or retry_policy.get())
    while True:
        try:
            return work()
        except Error as error:
            pause = retries.pause_after(error)
        time.sleep(pause)


def milliseconds(seconds: float) -> str:
    """Return a duration as PostgreSQL's settings write it; never 0, which means no limit."""
    return f"{max(round(seconds * 1000), 1)}ms"
