"""Write many rows quickly: COPY on PostgreSQL, executemany on SQLite."""

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from chat.demo.people import DOMAIN
from chat.demo.rows import COLUMNS, Row
from users.models import User

# How many rows are written in one statement. The counting triggers keep its rows in memory.
CHUNK = 20_000


def load(
    connection: BaseDatabaseWrapper,
    rows: Iterable[Row],
    report: Callable[[int], None],
    *,
    alone: bool,
) -> dict[str, int]:
    """Replace the rows of an earlier demo, in one transaction.

    A run that is killed leaves the database as it was.

    Args:
        connection: The database.
        rows: The rows, in an order that foreign keys allow.
        report: Called with the number of messages written so far.
        alone: Nobody else uses the database, so indexes may be dropped meanwhile.

    Returns:
        The number of rows written, by table.
    """
    written = dict.fromkeys(COLUMNS, 0)
    pending: list[Row] = []

    def flush() -> None:
        place = {table: number for number, table in enumerate(COLUMNS)}
        pending.sort(key=lambda row: place[row[0]])  # stable: the order within a table stays
        for table, group in groupby(pending, key=itemgetter(0)):
            values = [row[1] for row in group]
            write(connection, table, values)
            written[table] += len(values)
        pending.clear()
        report(written["chat_messages"])

    with transaction.atomic(using=connection.alias):
        # The database cascades the deletion to what belongs to the users.
        earlier = User.objects.using(connection.alias).filter(email__endswith=f"@{DOMAIN}")
        earlier._raw_delete(connection.alias)
        definitions = drop_search_indexes(connection) if alone else []
        for row in rows:
            pending.append(row)
            if len(pending) >= CHUNK:
                flush()
        flush()
        create_indexes(connection, definitions)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(COLUMNS)}")
    return written


def drop_search_indexes(connection: BaseDatabaseWrapper) -> list[str]:
    """Drop the GIN indexes of the messages, and return their definitions.

    They have an entry for each word of each message, so building them at the end takes a
    fraction of the time.
    """
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
            " JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam"
            " WHERE indrelid = 'chat_messages'::regclass AND amname = 'gin'"
        )
        found = cursor.fetchall()
        for name, _ in found:
            cursor.execute(f"DROP INDEX {name}")
    return [definition for _, definition in found]


def create_indexes(connection: BaseDatabaseWrapper, definitions: list[str]) -> None:
    """Build the indexes again, in memory as far as possible."""
    if not definitions:
        return
    with connection.cursor() as cursor:
        # No index can be created while checks of foreign keys are deferred.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        for definition in definitions:
            cursor.execute(definition)


def write(connection: BaseDatabaseWrapper, table: str, values: list[tuple[object, ...]]) -> None:
    """Write rows of one table."""
    columns = ", ".join(COLUMNS[table])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in values:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(COLUMNS[table]))
        cursor.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608 - our own names
            [[_sqlite(value) for value in row] for row in values],
        )


def _sqlite(value: Any) -> Any:
    """Return the value as Django stores it in SQLite."""
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, datetime):
        return str(value.replace(tzinfo=None))
    return value


def has_real_users(connection: BaseDatabaseWrapper) -> bool:
    """Return whether there are users that no demo made."""
    people = User.objects.using(connection.alias)
    return people.exclude(email__endswith=f"@{DOMAIN}").exists()
