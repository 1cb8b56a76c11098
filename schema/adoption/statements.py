"""Run SQL beside live traffic: wait briefly for locks, and try again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from schema.connection.errors import first_line
from schema.connection.retry import retry
from schema.connection.session import session_settings

LONG_WAIT = "60s"
"""For statements whose lock blocks neither readers nor writers, also while they wait for it."""

SHOWN = 120
"""How many characters of a statement an error message shows."""

Result = TypeVar("Result")


class Statements:
    """Run statements and transactions over one connection until each has got its locks.

    How long each waits, and for how long it is tried again, is the run's `retry_policy`; the run
    has set the session's `lock_timeout` accordingly.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.attempts = 0
        """How many statements and transactions were tried: each may have changed the schema."""

    def run(self, *unit: str) -> None:
        """Execute one statement by itself, or several in one transaction."""
        if len(unit) == 1:
            retry(lambda: self._alone(unit[0]))
            return

        def work(cursor: CursorWrapper) -> None:
            for statement in unit:
                try:
                    cursor.execute(statement)
                except ProgrammingError as error:
                    words = " ".join(statement.split())[:SHOWN]
                    raise ProgrammingError(f"{first_line(error)}, in: {words}") from error.__cause__

        self.transaction(work)

    def transaction(self, work: Callable[[CursorWrapper], Result]) -> Result:
        """Do `work` in one transaction."""

        def attempt() -> Result:
            self.attempts += 1
            with (
                transaction.atomic(using=self.connection.alias),
                self.connection.cursor() as cursor,
            ):
                return work(cursor)

        return retry(attempt)

    def fetch(self, sql: str, params: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _alone(self, statement: str) -> None:
        self.attempts += 1
        waits = " CONCURRENTLY " in statement or " VALIDATE CONSTRAINT " in statement
        settings = {"lock_timeout": LONG_WAIT} if waits else {}
        with session_settings(self.connection, settings), self.connection.cursor() as cursor:
            cursor.execute(statement)
