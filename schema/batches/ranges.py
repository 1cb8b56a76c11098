"""Divide a table into ranges that are processed one after the other."""

import uuid
from dataclasses import dataclass
from typing import Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

Position = int | str | None
"""The end of the last finished range; None before the first."""


@dataclass(frozen=True)
class Range:
    """A part of a table: the condition on its rows, and its end."""

    condition: str
    end: Position
    share: float
    """The finished share of the table after this range, from 0 to 1."""
    size: int
    """The size of the range, in the unit of the requested `size`."""
    vacuum_after: bool = False
    """Whether to vacuum the table after this range."""


class Ranges(Protocol):
    """Divides one table."""

    first_size: int

    def after(self, position: Position, size: int) -> Range | None:
        """Return the range of `size` that follows `position`, or None at the end."""


WINDOW = 4096
"""Blocks that stay in memory from one round to the next: 32 MB."""
ROUNDS = 9
"""Odd, so that rows that alternate, such as questions and answers, spread over all rounds."""
MOVING = 4
"""A row that leaves its block costs as much as about this many that stay: it needs new index
entries."""
VACUUM_WINDOWS = 6
"""The minimum number of windows between two vacuums: 192 MB."""
VACUUMS = 9
"""The approximate number of vacuums of a large table: each reads every index once."""


class Blocks:
    """Divides a PostgreSQL table by its blocks of 8 kB; a changed row is not pending any more.

    No index is needed: a TID range scan, which PostgreSQL has since 14. Each window of blocks
    is gone through in ROUNDS, which take turns at its rows. Those of the first round leave
    their full blocks, and what they leave behind is room for the next ones to stay in theirs:
    such rows need no new entry in any index (https://www.postgresql.org/docs/current/storage-hot.html),
    and the table grows by a fraction of itself. Where old snapshots keep the room from being
    used, the rows move, which takes longer and does no harm.

    The windows are dealt out to `parts` in turn, each of which has its own position: it counts
    the blocks of all rounds of this part's windows.

    Stretches of windows are to be vacuumed when the first part, which is about as far as the
    others, is through them. A block that changes for the first time since a checkpoint goes
    into the log as a whole (https://www.postgresql.org/docs/current/wal-configuration.html): the
    sooner it is vacuumed, the more seldom there was a checkpoint in between. Of 5,000,000
    messages all is 5 GB of log, and 8 with one vacuum at the end.
    """

    first_size = 64

    def __init__(
        self, connection: BaseDatabaseWrapper, table: str, *, part: int = 0, parts: int = 1
    ) -> None:
        self.row = f"{connection.ops.quote_name(table)}.ctid"
        self.part, self.parts = part, parts
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_relation_size(to_regclass(%s)) / current_setting('block_size')::bigint",
                [connection.ops.quote_name(table)],
            )
            self.stop = int(cursor.fetchone()[0])
        self.vacuum_windows = max(VACUUM_WINDOWS, self.stop // WINDOW // VACUUMS) // parts

    def after(self, position: Position, size: int) -> Range | None:
        """Return the range that follows `position`: `size` blocks whose rows stay, or fewer."""
        window, done = divmod(int(position or 0), WINDOW * ROUNDS)
        turn, passed = divmod(done, WINDOW)
        first = (window * self.parts + self.part) * WINDOW
        last = min(first + WINDOW, self.stop)
        begin = first + passed
        if begin >= last:
            return None
        cost = MOVING if turn == 0 else 1
        end = min(begin + max(size // cost, 1), last)
        complete = window * WINDOW * ROUNDS + (last - first) * turn + (end - first)
        return Range(
            f"{self.row} >= '({begin},0)'::tid AND {self.row} < '({end},0)'::tid"
            f" AND {in_turn(self.row, str(turn))}",
            (window * ROUNDS + turn) * WINDOW + (WINDOW if end == last else end - first),
            complete / (self.stop * ROUNDS),
            (end - begin) * cost,
            vacuum_after=self.part == 0
            and (turn, end) == (ROUNDS - 1, last)
            and (window + 1) % self.vacuum_windows == 0,
        )


def in_turn(row: str, turn: str) -> str:
    """Return the condition that the row at `row`, a ctid, belongs to the round `turn`.

    By its number within its block (https://www.postgresql.org/docs/current/storage-page-layout.html),
    whose last byte `tidsend` puts last. The numbers begin with 1: so do the rounds, for none to
    have more rows in a block than the one before left room for.
    """
    return f"get_byte(tidsend({row}), 5) % {ROUNDS} = ({turn} + 1) % {ROUNDS}"


class RowIds:
    """Divides an SQLite table by its row numbers."""

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
        return Range(f"{self.row} > {begin} AND {self.row} <= {end}", end, share, end - begin)


class Keys:
    """Divides a table by its primary key, which stays the same however often a row changes.

    With `pending` only the rows that it holds for are counted, so that the others cost nothing.
    """

    first_size = 200

    def __init__(
        self, connection: BaseDatabaseWrapper, table: str, key: str, pending: str | None = None
    ) -> None:
        self.connection = connection
        self.table = connection.ops.quote_name(table)
        self.key = f"{self.table}.{connection.ops.quote_name(key)}"
        self.pending = f"({pending})" if pending else "TRUE"
        self.done = 0
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self.table} WHERE {self.pending}")  # noqa: S608 - quoted
            self.rows = int(cursor.fetchone()[0])

    def after(self, position: Position, size: int) -> Range | None:
        """Return the range of `size` rows that follows the key `position`."""
        beyond = "TRUE" if position is None else f"{self.key} > {literal(position)}"
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {self.key} FROM {self.table} WHERE {beyond} AND {self.pending}"  # noqa: S608 - quoted
                f" ORDER BY 1 LIMIT {size}"
            )
            keys = cursor.fetchall()
        if not keys:
            return None
        end = keys[-1][0]
        end = str(end) if isinstance(end, uuid.UUID) else end
        self.done += len(keys)
        condition = f"{self.key} <= {literal(end)}"
        share = min(self.done / max(self.rows, 1), 1.0)
        where = condition if position is None else f"{beyond} AND {condition}"
        return Range(where, end, share, len(keys))


def literal(value: int | str) -> str:
    """Return a key as an SQL literal."""
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
