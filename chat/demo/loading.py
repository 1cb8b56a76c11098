"""Writing many rows quickly: COPY on PostgreSQL, executemany on SQLite."""

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

# Rows kept before they are written. The counting triggers see each COPY as one statement
# and hold its rows in memory once more.
CHUNK = 20_000


def load(
    connection: BaseDatabaseWrapper,
    rows: Iterable[Row],
    tell: Callable[[int], None],
    *,
    alone: bool,
) -> dict[str, int]:
    """Put the rows in the place of an earlier demo's, in one transaction.

    A killed run leaves the database as it was.

    Args:
        connection: The database.
        rows: In an order that foreign keys allow.
        tell: Is called with the number of messages written so far.
        alone: Nobody else uses the database, so indexes may be taken off meanwhile.

    Returns:
        The number of rows written, by table.
    """
    written = dict.fromkeys(COLUMNS, 0)
    kept: list[Row] = []

    def flush() -> None:
        place = {table: number for number, table in enumerate(COLUMNS)}
        kept.sort(key=lambda row: place[row[0]])  # stable: the order within a table stays
        for table, group in groupby(kept, key=itemgetter(0)):
            values = [row[1] for row in group]
            write(connection, table, values)
            written[table] += len(values)
        kept.clear()
        tell(written["chat_messages"])

    with transaction.atomic(using=connection.alias):
        # The database's own cascades delete what belongs to the people.
        earlier = User.objects.using(connection.alias).filter(email__endswith=f"@{DOMAIN}")
        earlier._raw_delete(connection.alias)
        definitions = take_off_search(connection) if alone else []
        for row in rows:
            kept.append(row)
            if len(kept) >= CHUNK:
                flush()
        flush()
        put_back(connection, definitions)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(COLUMNS)}")
    return written


def take_off_search(connection: BaseDatabaseWrapper) -> list[str]:
    """Drop the inverted indexes of the messages, and return what makes them again.

    Each word of each message is an entry of its own there: built at the end they take a
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


def put_back(connection: BaseDatabaseWrapper, definitions: list[str]) -> None:
    """Build the indexes again, in memory as far as they go."""
    if not definitions:
        return
    with connection.cursor() as cursor:
        # An index cannot be made while foreign keys wait for the end of the transaction.
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
    """Return the value as Django keeps it in SQLite."""
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, datetime):
        return str(value.replace(tzinfo=None))
    return value


def holds_others(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether there is anybody whom no demo made."""
    people = User.objects.using(connection.alias)
    return people.exclude(email__endswith=f"@{DOMAIN}").exists()
