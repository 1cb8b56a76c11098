"""Try the SQL that repairs differences, and undo it.

PostgreSQL: in one transaction that is rolled back. It waits for a lock for a tenth of a second at
most and ends after one, because what it has locked stays locked until its end. Statements that read
or write all rows of a large table, and those that would run code of the owner's, are not tried.

SQLite: on a copy in memory, without the rows where the database is large.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import Error, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.connection.errors import (
    LOCK_NOT_AVAILABLE,
    QUERY_CANCELED,
    explained,
    first_line,
    sqlstate,
)
from schema.connection.separate import separate_connection
from schema.drift.compare import Difference
from schema.drift.scratch import scratch, silence_event_triggers
from schema.introspection.catalog import Catalog, CatalogError

CONCURRENTLY = re.compile(r"\A((?:CREATE|CREATE UNIQUE|DROP|REINDEX) INDEX) CONCURRENTLY")
# Filling a materialized view runs a query of the owner's.
WITH_DATA = re.compile(r"\A(CREATE MATERIALIZED VIEW .*) WITH DATA\Z", re.DOTALL)
READS_ROWS = re.compile(
    r"\A(?:UPDATE|DELETE|INSERT|WITH|SELECT|CREATE INDEX|CREATE UNIQUE INDEX|REINDEX)\b"
    r"|\A(?:ALTER TABLE .*(?: TYPE | SET NOT NULL| VALIDATE CONSTRAINT | SET LOGGED| SET UNLOGGED"
    r"| ADD COLUMN .*(?:DEFAULT .*\(|GENERATED)| ADD CONSTRAINT .*(?:UNIQUE|KEY|EXCLUDE)"
    r"(?!.*(?:USING INDEX|NOT VALID))))",
    re.DOTALL,
)
ALTERED = re.compile(r'ALTER TABLE ("(?:[^"]|"")+")')
WRITES_ROWS = re.compile(r"\A(?:UPDATE|DELETE|INSERT|WITH)\b")
TAKES_NUMBERS = re.compile(r"\AALTER TABLE .* ADD COLUMN .*\bnextval\(", re.DOTALL)
TRANSACTION = {"BEGIN", "COMMIT"}

Repairs = dict[tuple[str, ...], list[Difference]]
"""The differences by the SQL that repairs them."""

TOO_LONG = "to try all of it would lock tables for too long"
SIZES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = quote_ident(current_schema())::regnamespace
      AND relkind IN ('r', 'i', 'm') AND pg_relation_size(oid) > %s
"""


@dataclass(frozen=True)
class Limits:
    """How much a trial may cost others."""

    lock_timeout: int = 100
    """Milliseconds that a statement waits for a lock, and everybody else behind it."""
    seconds: float = 1
    """How long tables may be locked."""
    large: int = 8 * 2**20
    """Bytes from which on PostgreSQL's tables and indexes are not read as a whole."""
    large_file: int = 128 * 2**20
    """Bytes from which on a SQLite database is copied without its rows."""


@dataclass(frozen=True)
class TriedRepair:
    """The SQL of one or more differences, and what came of it."""

    objects: tuple[str, ...]
    statements: tuple[str, ...]
    refused: str = ""
    """Why the database does not run it."""
    not_tried: str = ""
    """Why it was not tried, or not all of it."""


class _NotTriedError(Exception):
    """The statement is not tried; the text is the reason."""


def try_repairs(
    connection: BaseDatabaseWrapper,
    differences: Sequence[Difference],
    expected: Catalog,
    found: Catalog,
    limits: Limits = Limits(),
) -> list[TriedRepair]:
    """Try the repairs in their order, each after those before it that worked."""
    objects: Repairs = {}
    for one in differences:
        if one.repair:
            objects.setdefault(tuple(one.repair), []).append(one)
    if not objects:
        return []
    if connection.vendor == "sqlite":
        return list(_on_copy(connection, objects, limits))
    return list(_in_transaction(connection, objects, expected, found, limits))


def _tried(
    repair: tuple[str, ...], of: Sequence[Difference], refused: str = "", not_tried: str = ""
) -> TriedRepair:
    return TriedRepair(tuple(one.object for one in of), repair, refused, not_tried)


def _on_copy(
    connection: BaseDatabaseWrapper,
    repairs: Repairs,
    limits: Limits,
) -> Iterator[TriedRepair]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        large = cursor.fetchone()[0] > limits.large_file
        cursor.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
        schema = [row[0] for row in cursor.fetchall()]
    without_rows = "with the rows: the database is large, and rows may be in the way"
    with scratch(connection) as copy, copy.cursor() as cursor:
        if large:
            for statement in schema:
                try:
                    cursor.execute(statement)
                except Error:  # a part of what an earlier statement has made
                    continue
        else:
            connection.connection.backup(copy.connection)
        for repair, of in repairs.items():
            try:
                for statement in repair:
                    cursor.execute(statement)
            except Error as error:
                if copy.connection.in_transaction:
                    cursor.execute("ROLLBACK")
                yield _tried(repair, of, refused=first_line(error))
            else:
                yield _tried(repair, of, not_tried=without_rows if large else "")


def _in_transaction(
    connection: BaseDatabaseWrapper,
    repairs: Repairs,
    expected: Catalog,
    found: Catalog,
    limits: Limits,
) -> Iterator[TriedRepair]:
    with (
        separate_connection(connection, "trial") as own,
        transaction.atomic(using=own.alias),
    ):
        yield from _Trial(own, expected, found, limits).run(repairs)
        transaction.set_rollback(True, using=own.alias)


class _Trial:
    """The repairs in one transaction of PostgreSQL."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        expected: Catalog,
        found: Catalog,
        limits: Limits,
    ) -> None:
        self.connection = connection
        self.deadline = time.monotonic() + limits.seconds
        self.refusal = ""
        try:
            silence_event_triggers(connection)
        except CatalogError as error:
            self.refusal = str(error)
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {limits.lock_timeout}")
            cursor.execute(SIZES, [limits.large])
            self.large = _names(row[0] for row in cursor.fetchall())
        self.with_triggers = _names(
            table.name
            for table in found.tables.values()
            for trigger in table.triggers.values()
            if table.name not in expected.tables
            or trigger.name not in expected.tables[table.name].triggers
        )
        self.incomplete: set[str] = set()

    def run(self, repairs: Repairs) -> Iterator[TriedRepair]:
        """Try each repair in a savepoint."""
        for repair, of in repairs.items():
            table = of[0].table or ""
            try:
                self._try(repair)
            except _NotTriedError as left:
                self.incomplete.add(table)
                yield _tried(repair, of, not_tried=str(left))
            except Error as error:
                reason = self._reason(error)
                if not reason and table not in self.incomplete:
                    yield _tried(repair, of, refused=explained(error))
                    continue
                self.incomplete.add(table)
                yield _tried(repair, of, not_tried=reason or "what it depends on was not tried")
            else:
                yield _tried(repair, of)

    def _try(self, repair: Sequence[str]) -> None:
        """Try the statements; those before one that is not tried keep their effect."""
        alias = self.connection.alias
        left = ""
        with transaction.atomic(using=alias), self.connection.cursor() as cursor:
            for statement in repair:
                if left := self._reason_not_to_try(statement):
                    break
                if statement in TRANSACTION:
                    continue
                remaining = max(1, round((self.deadline - time.monotonic()) * 1000))
                form = WITH_DATA.sub(r"\1 WITH NO DATA", CONCURRENTLY.sub(r"\1", statement))
                cursor.execute(f"SET LOCAL statement_timeout = {remaining}")
                cursor.execute(form)
                # Events that wait for the end of the transaction keep a table from being altered.
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if left:
            raise _NotTriedError(left)

    def _reason_not_to_try(self, statement: str) -> str:
        if self.refusal:
            return self.refusal
        if time.monotonic() > self.deadline:
            return TOO_LONG
        altered = ALTERED.match(statement)
        where = altered[1] if altered else statement
        if READS_ROWS.search(statement) and (large := self.large.search(where)):
            return f"{large[0]} is large, and it reads every row"
        if WRITES_ROWS.search(statement) and (table := self.with_triggers.search(statement)):
            return f"{table[0]} has a trigger that no migration made, and it would fire"
        if TAKES_NUMBERS.search(statement):
            return "it would take numbers from a sequence, which nothing puts back"
        return ""

    def _reason(self, error: Error) -> str:
        """Return why the trial ended the statement, if it did so and not the server."""
        return {
            LOCK_NOT_AVAILABLE: "another session holds a lock that it needs",
            QUERY_CANCELED: TOO_LONG,
        }.get(sqlstate(error) or "", "")


def _names(names: Iterator[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of the names as a word; none at all if there are none."""
    return re.compile(r"(?<!\w)(?:%s)(?!\w)" % ("|".join(map(re.escape, names)) or r"(?!)"))
