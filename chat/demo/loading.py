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
    connection: BaseDatabaseWrapper, rows: Iterable[Row], tell: Callable[[int], None]
) -> dict[str, int]:
    """Put the rows in the place of an earlier demo's, in one transaction.

    A killed run leaves the database as it was.

    Args:
        connection: The database.
        rows: In an order that foreign keys allow.
        tell: Is called with the number of messages written so far.

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
        for row in rows:
            kept.append(row)
            if len(kept) >= CHUNK:
                flush()
        flush()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(COLUMNS)}")
    return written


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
