"""What a long data step does: its table, its statements, and which rows still need it."""

from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from schema.batches.ranges import Blocks, Keys, Ranges, RowIds
from schema.models import BatchProgress

SESSIONS = 2
"""How many sessions go through a PostgreSQL table at once: one alone keeps waiting, by turns for
the server's processor and for its disk."""

Row = dict[str, Any]
"""The primary key of a row, by column."""


@dataclass(frozen=True)
class Step:
    """A data step over one table.

    Each statement holds `{batch}` where the condition for a range of rows belongs. `key` is
    the primary key to go by; without it the table is gone through as it lies on disk.
    `pending` is the condition of a row that is still to be done; with it, passes are made
    until there is none.
    """

    app: str
    migration: str
    name: str
    table: str
    statements: tuple[str, ...]
    key: str | None = None
    pending: str | None = None
    repeats: bool = True
    """Whether passes are made until no row is pending, or only over the rows that are now."""

    def __str__(self) -> str:
        return f"{self.app}.{self.migration} {self.name}"

    def ranges(self, connection: BaseDatabaseWrapper) -> list[Ranges]:
        """Cut the table as it is now, for as many sessions as there are lists of ranges."""
        if self.key is not None:
            return [Keys(connection, self.table, self.key, self.pending)]
        if connection.vendor == "postgresql":
            return [Blocks(connection, self.table, part=n, parts=SESSIONS) for n in range(SESSIONS)]
        return [RowIds(connection, self.table)]

    def leaves_dead_rows(self, connection: BaseDatabaseWrapper) -> bool:
        """Return whether the table is worth a VACUUM afterwards: all of it may have changed."""
        return connection.vendor == "postgresql" and self.key is None

    def is_done(self, connection: BaseDatabaseWrapper, record: BatchProgress) -> bool:
        """Return whether there is nothing to do."""
        if self.pending is None:
            return record.finished_at is not None
        return not self.is_pending(connection)

    def is_pending(self, connection: BaseDatabaseWrapper) -> bool:
        """Return whether a row is left that needs the step. Reads the whole table if not."""
        if self.pending is None:
            return False
        name = connection.ops.quote_name(self.table)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {name} WHERE {self.pending})")  # noqa: S608 - written in a migration
            return bool(cursor.fetchone()[0])

    def count_pending(self, connection: BaseDatabaseWrapper) -> int:
        """Return how many rows still need the step."""
        name = connection.ops.quote_name(self.table)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {name} WHERE {self.pending}")  # noqa: S608 - written in a migration
            return int(cursor.fetchone()[0])

    def pending_row(self, connection: BaseDatabaseWrapper, row: Row | None = None) -> Row | None:
        """Return the primary key of a row that still needs the step, or `row` if it still does."""
        quote = connection.ops.quote_name
        with connection.cursor() as cursor:
            keys = connection.introspection.get_primary_key_columns(cursor, self.table)
            if not keys or self.pending is None:
                return None
            names = ", ".join(quote(key) for key in keys)
            where = f"({self.pending})".replace("%", "%%")
            if row is not None:
                where += "".join(f" AND {quote(key)} = %s" for key in row)
            cursor.execute(
                f"SELECT {names} FROM {quote(self.table)} WHERE {where} LIMIT 1",  # noqa: S608 - written in a migration
                list((row or {}).values()),
            )
            found = cursor.fetchone()
        return dict(zip(keys, found, strict=True)) if found else None

    def execute(self, cursor: CursorWrapper, condition: str) -> int:
        """Change the rows of `condition`; return how many the last statement changed."""
        for statement in self.statements:
            cursor.execute(statement.replace("{batch}", condition))
        rows: int = cursor.rowcount
        return rows
