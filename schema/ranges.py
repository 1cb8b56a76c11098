"""How a table is cut into ranges that are dealt with one after the other."""

import uuid
from dataclasses import dataclass
from typing import Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

Position = int | str | None
"""The end of the last range that was done; None before the first."""


@dataclass(frozen=True)
class Range:
    """A part of a table: the condition on its rows, and where it ends."""

    condition: str
    end: Position
    share: float
    """How much of the table is done after it, from 0 to 1."""


class Ranges(Protocol):
    """Cuts one table, in the order that suits it."""

    first_size: int

    def after(self, position: Position, size: int) -> Range | None:
        """Return the range of `size` that follows `position`, or None at the end."""


class Blocks:
    """Cuts a PostgreSQL table by its blocks of 8 kB, from the first to the last there is now.

    Each block is read and written once, in the order it lies on disk, and no index is
    needed: a TID range scan, which PostgreSQL has since 14. A row that is changed moves to
    another block, so this is for changes after which a row needs none.
    """

    first_size = 16

    def __init__(self, connection: BaseDatabaseWrapper, table: str) -> None:
        self.row = f"{connection.ops.quote_name(table)}.ctid"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_relation_size(to_regclass(%s)) / current_setting('block_size')::bigint",
                [connection.ops.quote_name(table)],
            )
            self.stop = int(cursor.fetchone()[0])

    def after(self, position: Position, size: int) -> Range | None:
        """Return the range of `size` blocks that begins at block `position`."""
        begin = int(position or 0)
        if begin >= self.stop:
            return None
        end = min(begin + size, self.stop)
        condition = f"{self.row} >= '({begin},0)'::tid AND {self.row} < '({end},0)'::tid"
        return Range(condition, end, end / self.stop)


class RowIds:
    """Cuts an SQLite table by the numbers SQLite gives its rows."""

    first_size = 500

    def __init__(self, connection: BaseDatabaseWrapper, table: str) -> None:
        name = connection.ops.quote_name(table)
        self.row = f"{name}.rowid"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT min(rowid), max(rowid) FROM {name}")  # noqa: S608 - quoted
            first, last = cursor.fetchone()
        self.begin = 0 if first is None else first - 1
        self.stop = self.begin if last is None else last

    def after(self, position: Position, size: int) -> Range | None:
        """Return the range of `size` numbers that follows `position`."""
        begin = self.begin if position is None else int(position)
        if begin >= self.stop:
            return None
        end = min(begin + size, self.stop)
        share = (end - self.begin) / (self.stop - self.begin)
        return Range(f"{self.row} > {begin} AND {self.row} <= {end}", end, share)


class Keys:
    """Cuts a table by its primary key, which stays the same however often a row changes."""

    first_size = 200

    def __init__(self, connection: BaseDatabaseWrapper, table: str, key: str) -> None:
        self.connection = connection
        self.table = connection.ops.quote_name(table)
        self.key = f"{self.table}.{connection.ops.quote_name(key)}"
        self.done = 0
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self.table}")  # noqa: S608 - quoted
            self.rows = int(cursor.fetchone()[0])

    def after(self, position: Position, size: int) -> Range | None:
        """Return the range of `size` rows that follows the key `position`."""
        beyond = "" if position is None else f"{self.key} > {literal(position)}"
        where = f"WHERE {beyond}" if beyond else ""
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {self.key} FROM {self.table} {where} ORDER BY 1 LIMIT {size}"  # noqa: S608 - quoted
            )
            keys = cursor.fetchall()
        if not keys:
            return None
        end = keys[-1][0]
        end = str(end) if isinstance(end, uuid.UUID) else end
        self.done += len(keys)
        condition = f"{self.key} <= {literal(end)}"
        share = min(self.done / max(self.rows, 1), 1.0)
        return Range(f"{beyond} AND {condition}" if beyond else condition, end, share)


def literal(value: int | str) -> str:
    """Return a key as SQL writes it."""
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
