"""Following the rules: repairing rows and putting rows into quarantine, in short batches."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db.backends.utils import CursorWrapper

from schema.adoption.spec import Quarantine, Repair, Rule
from schema.adoption.statements import Statements
from schema.adoption.type_changes import is_text
from schema.introspection.catalog import Catalog, Column, Constraint, quoted
from schema.models import QuarantinedRow

# What a batch locks, writers wait for: it should take about this long, in seconds.
AIM = 0.04
SMALLEST, FIRST, LARGEST = 50, 1000, 10_000


class StillReferred(Exception):  # noqa: N818 - says what is so
    """A row to be put into quarantine is referred to by a table that is not ours."""


class Followed:
    """Follows rules over one connection and counts what they did."""

    def __init__(self, statements: Statements, ours: frozenset[str]) -> None:
        """Work through `statements`; `ours` are the tables whose links may be undone."""
        self.statements = statements
        self.ours = ours
        self.counts: Counter[str] = Counter()

    def follow(
        self, rule: Rule, found: Catalog, progress: Callable[[str], None] = lambda _: None
    ) -> None:
        """Do what `rule` says to every row it holds for, of the table as it is in `found`."""
        table = quoted(rule.table)
        if not self.statements.fetch(
            f"SELECT EXISTS (SELECT FROM {table} AS one WHERE {rule.where})"
        )[0][0]:
            return
        key = quoted(key_of(found, rule.table))
        where = doubled(rule.where)
        after: Any = None
        size = FIRST
        while True:
            beyond, bound = (f"one.{key} > %s", [after]) if after is not None else ("true", [])
            rows = self.statements.fetch(
                f"SELECT one.{key} FROM {table} AS one WHERE {beyond} AND ({where})"
                f" ORDER BY one.{key} LIMIT %s",
                [*bound, size],
            )
            keys = [row[0] for row in rows]
            if not keys:
                return
            begin = time.monotonic()
            self.counts[rule.kind] += self.statements.transaction(
                self._batch(rule, key, keys, found), rule.kind
            )
            took = time.monotonic() - begin
            after = keys[-1]
            size = min(max(int(size * AIM / max(took, AIM / 4)), SMALLEST), LARGEST)
            progress(f"{self.counts[rule.kind]} {rule.kind}")

    def _batch(
        self, rule: Rule, key: str, keys: list[Any], found: Catalog
    ) -> Callable[[CursorWrapper], int]:
        table, where = quoted(rule.table), doubled(rule.where)
        these = f"one.{key} = ANY (%s) AND ({where})"
        strength = "UPDATE" if isinstance(rule, Quarantine) else "NO KEY UPDATE"
        # The second statement sees what was committed while the first waited.
        lock = f"SELECT FROM {table} AS one WHERE {these} ORDER BY one.{key} FOR {strength} OF one"

        def repair(cursor: CursorWrapper) -> int:
            cursor.execute(lock, [keys])
            assign = doubled(rule.assign) if isinstance(rule, Repair) else ""
            cursor.execute(f"UPDATE {table} AS one SET {assign} WHERE {these}", [keys])
            return int(cursor.rowcount)

        def keep(cursor: CursorWrapper) -> int:
            cursor.execute(lock, [keys])
            reasons = self._unlink(cursor, rule, keys, found)
            cursor.execute(
                f"WITH gone AS (DELETE FROM {table} AS one WHERE {these} RETURNING one.*)"
                f" INSERT INTO {QuarantinedRow._meta.db_table} (table_name, row, reason)"
                f" SELECT %s, to_jsonb(gone), %s || COALESCE(r.more, '') FROM gone"
                " LEFT JOIN unnest(%s::text[], %s::text[]) AS r (gone_id, more)"
                f" ON r.gone_id = gone.{key}::text",
                [
                    keys,
                    rule.table,
                    rule.reason if isinstance(rule, Quarantine) else "",
                    list(reasons),
                    list(reasons.values()),
                ],
            )
            return int(cursor.rowcount)

        return keep if isinstance(rule, Quarantine) else repair

    def _unlink(
        self, cursor: CursorWrapper, rule: Rule, keys: list[Any], found: Catalog
    ) -> dict[str, str]:
        """Undo the links of our rows to those that go; return what to remember with each."""
        reasons: dict[str, str] = {}
        for name, link in references(found, rule.table):
            column = quoted(link.columns[0])
            if name not in self.ours:
                cursor.execute(
                    f"SELECT count(*) FROM {quoted(name)} WHERE {column} = ANY (%s)",
                    [keys],
                )
                if (count := cursor.fetchone()[0]) > 0:
                    raise StillReferred(
                        f"{count} rows of {name} refer to rows of {rule.table} that have to go "
                        "into quarantine. Run migrate again: it names them."
                    )
                continue
            own = quoted(key_of(found, name))
            cursor.execute(
                "WITH undone AS (UPDATE"
                f" {quoted(name)} AS l SET {column} = NULL FROM {quoted(name)} AS before"
                f" WHERE l.{own} = before.{own} AND before.{column} = ANY (%s)"
                f" RETURNING before.{column}::text AS id, l.{own}::text AS linked)"
                " SELECT id, string_agg(linked, ', ' ORDER BY linked) FROM undone GROUP BY id",
                [keys],
            )
            for row, linked in cursor.fetchall():
                reasons[row] = reasons.get(row, "") + (
                    f"; it was the {link.columns[0]} of these {name}: {linked}"
                )
        return reasons


def applies(rule: Rule, found: Catalog) -> bool:
    """Whether every column that `rule` speaks of is there, and none that it excludes."""
    own = tuple(f"{rule.table}.{column}" for column in rule.settles)
    return rule.table in found.tables and (
        all(has(found, column) for column in (*rule.needs, *own))
        and not any(has(found, column) for column in rule.lacks)
    )


def before_its_type(rule: Rule, there: Column) -> bool:
    """Whether a rule about the column can be followed while it has the type that is there."""
    return "::text" in rule.where and is_text(there)


def has(found: Catalog, column: str) -> bool:
    """Whether the column, written table.column, is there."""
    table, _, name = column.partition(".")
    return table in found.tables and name in found.tables[table].columns


def key_of(found: Catalog, table: str) -> str:
    """Return the column of a table's primary key; `id` where the table has lost it."""
    keys = (one for one in found.tables[table].constraints if one.kind == "primary key")
    key = next(keys, None)
    return key.columns[0] if key and len(key.columns) == 1 else "id"


def references(found: Catalog, table: str) -> list[tuple[str, Constraint]]:
    """Return the foreign keys that refer to a table, each with the table it is on."""
    return [
        (name, constraint)
        for name, one in found.tables.items()
        for constraint in one.constraints
        if constraint.kind == "foreign key" and constraint.target == table
    ]


def doubled(sql: str) -> str:
    """Return SQL that may be passed along with parameters."""
    return sql.replace("%", "%%")
