"""Apply the rules of a specification to rows: repair them, or put them into quarantine."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.adoption.spec import Quarantine, Repair, Rule, TrialInsert, TrialUpdate
from schema.adoption.type_changes import is_text
from schema.batches import run as batches
from schema.batches.step import Step
from schema.introspection.catalog import Catalog, Column, Constraint, quoted
from schema.models import QuarantinedRow

ORIGINALS = "schema_original_values"
"""The table that keeps values which a repair replaced; it is created when one does."""
CREATE_ORIGINALS = f"""
    CREATE TABLE IF NOT EXISTS {ORIGINALS} (
        table_name text NOT NULL,
        key text NOT NULL,
        "values" jsonb NOT NULL,
        replaced_at timestamptz NOT NULL DEFAULT now()
    )
"""


FEW, MOST = 10, 1000
"""How many rows of any table may go into quarantine, and how many of the largest."""


class QuarantineLimitError(Exception):
    """More rows would go into quarantine than is plausible."""


class StillReferencedError(Exception):
    """A table that is not ours refers to a row that has to go into quarantine."""


class RowRepairs:
    """Apply rules over one connection and count the rows that each kind changed."""

    def __init__(
        self, connection: BaseDatabaseWrapper, ours: frozenset[str], limit: int | None = None
    ) -> None:
        """Use `connection`.

        `ours` are the tables whose links may be set to NULL; `limit` is how many rows of a table
        may go into quarantine.
        """
        self.connection = connection
        self.ours = ours
        self.limit = limit
        self.counts: Counter[str] = Counter()

    def apply(self, rule: Rule, found: Catalog) -> None:
        """Apply `rule` to every row it holds for, of the tables as they are in `found`."""
        key = key_of(found, rule.table)
        step = RowRepair(
            app=rule.step[0],
            migration=rule.step[1],
            name=rule.kind[:200],
            table=rule.table,
            statements=(),
            key=key,
            pending=sql_of(rule.where, rule),
            repeats=False,
            rule=rule,
            found=found,
            ours=self.ours,
        )
        if not step.is_pending(self.connection):
            return
        if isinstance(rule, Quarantine) and not rule.expected:
            self._require_plausible(step)
        if isinstance(rule, Repair) and rule.keeps:
            with self.connection.cursor() as cursor:
                cursor.execute(CREATE_ORIGINALS)
        self.counts[rule.kind] += batches.run(self.connection, step)
        batches.forget(self.connection, step)

    def _require_plausible(self, step: RowRepair) -> None:
        """Check again what the assessment has checked: rows are written meanwhile."""
        rows = step.count_pending(self.connection)
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {quoted(step.table)}")
            total = int(cursor.fetchone()[0])
        if rows > plausible(total, self.limit):
            raise QuarantineLimitError(
                f"{rows:,} of {total:,} rows of {step.table} would go into quarantine:"
                f" {step.name}. None of them did. If that is right, run migrate with"
                f" --quarantine-limit {rows}."
            )


@dataclass(frozen=True)
class RowRepair(Step):
    """A rule as a step of the batch engine.

    A batch first locks its rows, so that each of the statements after it sees the same ones, with
    what was committed while the lock was waited for.
    """

    rule: Rule = field(default_factory=lambda: Rule(("", ""), "", "", ""))
    found: Catalog = field(default_factory=lambda: Catalog("postgresql"))
    ours: frozenset[str] = frozenset()

    def execute(self, cursor: Any, condition: str) -> int:
        """Apply the rule to the rows of `condition`; return how many it changed."""
        table, key = quoted(self.table), quoted(str(self.key))
        strength = "UPDATE" if isinstance(self.rule, Quarantine) else "NO KEY UPDATE"
        cursor.execute(
            f"SELECT {key} FROM {table} WHERE {condition} AND ({self.pending})"
            f" ORDER BY {key} FOR {strength}"
        )
        keys = [row[0] for row in cursor.fetchall()]
        if not keys:
            return 0
        if isinstance(self.rule, Repair):
            return self._repair(cursor, self.rule, keys)
        return self._quarantine(cursor, keys)

    def _repair(self, cursor: Any, rule: Repair, keys: list[Any]) -> int:
        table, key = quoted(self.table), quoted(str(self.key))
        these = f"{table}.{key} = ANY (%s) AND ({doubled(str(self.pending))})"
        if rule.keeps:
            kept = ", ".join(f"'{name}', {table}.{quoted(name)}" for name in rule.keeps)
            cursor.execute(
                f'INSERT INTO {ORIGINALS} (table_name, key, "values")'
                f" SELECT %s, {table}.{key}::text, jsonb_build_object({kept})"
                f" FROM {table} WHERE {these}",
                [self.table, keys],
            )
        assign = doubled(sql_of(rule.assign, rule))
        cursor.execute(f"UPDATE {table} SET {assign} WHERE {these}", [keys])
        return int(cursor.rowcount)

    def _quarantine(self, cursor: Any, keys: list[Any]) -> int:
        table, key = quoted(self.table), quoted(str(self.key))
        reasons = self._unlink(cursor, keys)
        cursor.execute(
            f"WITH gone AS (DELETE FROM {table} WHERE {table}.{key} = ANY (%s)"
            f" AND ({doubled(str(self.pending))}) RETURNING {table}.*)"
            f" INSERT INTO {QuarantinedRow._meta.db_table} (table_name, row, reason)"
            f" SELECT %s, to_jsonb(gone), %s || COALESCE(r.more, '') FROM gone"
            " LEFT JOIN unnest(%s::text[], %s::text[]) AS r (gone_id, more)"
            f" ON r.gone_id = gone.{key}::text",
            [
                keys,
                self.table,
                getattr(self.rule, "reason", ""),
                list(reasons),
                list(reasons.values()),
            ],
        )
        return int(cursor.rowcount)

    def _unlink(self, cursor: Any, keys: list[Any]) -> dict[str, str]:
        """Set our links to these rows to NULL; return what to remember with each row."""
        reasons: dict[str, str] = {}
        for name, link in references(self.found, self.table):
            column = quoted(link.columns[0])
            if name not in self.ours:
                cursor.execute(
                    f"SELECT count(*) FROM {quoted(name)} WHERE {column} = ANY (%s)", [keys]
                )
                if (count := cursor.fetchone()[0]) > 0:
                    raise StillReferencedError(
                        f"{count} rows of {name} refer to rows of {self.table} that have to go "
                        "into quarantine. Run migrate again: it names them."
                    )
                continue
            own = quoted(key_of(self.found, name))
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


def sql_of(sql: str, rule: Rule) -> str:
    """Return SQL of a rule with the table's name in place of `one`."""
    return re.sub(r"\bone\.", f"{quoted(rule.table)}.", sql)


def applies(rule: Rule, found: Catalog) -> bool:
    """Return whether every column that `rule` requires exists, and none that it excludes."""
    own = all(has(found, f"{rule.table}.{column}") for column in rule.fixes)
    return own and has_all(found, rule)


def has_all(found: Catalog, one: Rule | TrialUpdate | TrialInsert) -> bool:
    """Return whether the table exists, with what `one` requires and without what it excludes."""
    return (
        one.table in found.tables
        and all(has(found, column) for column in one.requires)
        and not any(has(found, column) for column in one.without)
    )


def plausible(rows: int, limit: int | None = None) -> int:
    """Return how many of a table's rows may go into quarantine: a hundredth, at most a thousand.

    A few broken rows are usual in a small table too. The operator's `limit` goes before all that.
    """
    return limit if limit is not None else min(max(rows // 100, FEW), MOST)


def before_its_type(rule: Rule, actual: Column) -> bool:
    """Return whether a rule about the column can be applied while it has its present type."""
    return "::text" in rule.where and is_text(actual)


def has(found: Catalog, column: str) -> bool:
    """Return whether the column, written table.column, exists."""
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
    """Return SQL that may be executed with parameters."""
    return sql.replace("%", "%%")
