"""Running SQL beside live traffic: short waits for locks, and another try after each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import Error, ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from schema.connection.errors import first_line, waited_for_a_lock

# Whoever waits for a strong lock makes everybody else wait behind it, so such a wait has to
# end before anybody notices. Building an index and validating a constraint block nobody.
SHORT = "80ms"
LONG = "60s"
PATIENCE = 3.0
"""Seconds for which a statement is tried again; after that the whole step is, with its own."""

NAMED = 120
"""Characters of a statement that a failure among several names."""

Result = TypeVar("Result")


class Statements:
    """Runs statements and transactions over one connection, each until it has its locks."""

    def __init__(
        self, connection: BaseDatabaseWrapper, waiting: Callable[[str], None] = lambda _: None
    ) -> None:
        """Use `connection`; `waiting` is told what is tried again."""
        self.connection = connection
        self.waiting = waiting
        self.tried = 0
        """How many statements and transactions, of which each may have changed something."""

    def run(self, *unit: str) -> None:
        """Execute one statement by itself, or several in one transaction."""
        if len(unit) == 1:
            self._again(lambda: self._alone(unit[0]), unit[0])
        else:

            def work(cursor: CursorWrapper) -> None:
                for statement in unit:
                    try:
                        cursor.execute(statement)
                    except ProgrammingError as error:
                        words = " ".join(statement.split())[:NAMED]
                        raise ProgrammingError(
                            f"{first_line(error)}, in: {words}"
                        ) from error.__cause__

            self.transaction(work, unit[0])

    def run_all(self, units: Sequence[Sequence[str]]) -> None:
        """Execute every unit, one after the other."""
        for unit in units:
            self.run(*unit)

    def transaction(self, work: Callable[[CursorWrapper], Result], name: str) -> Result:
        """Do `work` in one transaction, as often as it takes."""

        def attempt() -> Result:
            with (
                transaction.atomic(using=self.connection.alias),
                self.connection.cursor() as cursor,
            ):
                cursor.execute(f"SET LOCAL lock_timeout = '{SHORT}'")
                return work(cursor)

        return self._again(attempt, name)

    def fetch(self, sql: str, params: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _alone(self, statement: str) -> None:
        patient = " CONCURRENTLY " in statement or " VALIDATE CONSTRAINT " in statement
        with self.connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{LONG if patient else SHORT}'")
            try:
                cursor.execute(statement)
            finally:
                if self.connection.is_usable():
                    cursor.execute("RESET lock_timeout")

    def _again(self, attempt: Callable[[], Result], name: str) -> Result:
        end = time.monotonic() + PATIENCE
        pause = 0.02
        while True:
            self.tried += 1
            try:
                return attempt()
            except Error as error:
                if not waited_for_a_lock(error) or time.monotonic() > end:
                    raise
                self.waiting(" ".join(name.split())[:120])
                time.sleep(pause)
                pause = min(pause * 1.5, 2.0)
