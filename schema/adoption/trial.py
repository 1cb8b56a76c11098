"""Try one change of each kind beforehand, in transactions that are rolled back.

Triggers of the owner's may skip a change, undo it or refuse it, and only running them shows that.
Each transaction changes a single row and waits only briefly for its locks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db import Error, transaction
from django.db.backends.utils import CursorWrapper

from schema.adoption.row_repairs import doubled, has_all, key_of, references, sql_of
from schema.adoption.snapshot import Snapshot
from schema.adoption.spec import Quarantine, Repair, Rule
from schema.connection.errors import first_line, sqlstate, waited_for_a_lock
from schema.connection.retry import RetryPolicy, retry
from schema.introspection.catalog import quoted
from schema.report import Problem

MARKER = "schema_trial"
PATIENCE = 5.0
"""Seconds for which a trial waits for live traffic; after that it is skipped."""

# Undefined objects, types that are still to change, and constraints that later steps satisfy:
# https://www.postgresql.org/docs/current/errcodes-appendix.html
PREMATURE = (
    "42703",
    "42P01",
    "42883",
    "42804",
    "42P18",
    "22P02",
    "23502",
    "23503",
    "23505",
    "23514",
)


class _RolledBackError(Exception):
    """Ends a trial; carries what was seen."""

    def __init__(self, seen: str) -> None:
        super().__init__(seen)
        self.seen = seen


def trial_problems(snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the tables on which a change is skipped, undone or refused."""
    for table in snapshot.ours:
        trials = [("UPDATE", _mark(snapshot, table))]
        trials += [
            (f"UPDATE of {one.column}", _update(snapshot, table, one.column, one.value))
            for one in snapshot.spec.trial_updates
            if one.table == table and has_all(snapshot.found, one)
        ]
        trials += [
            ("INSERT", _insert(one.statement, one.applies))
            for one in snapshot.spec.trial_inserts
            if one.table == table and has_all(snapshot.found, one)
        ]
        trials += [
            ("DELETE" if isinstance(rule, Quarantine) else "UPDATE", _rule(snapshot, rule))
            for rule in dict.fromkeys(snapshot.rules)
            if rule.table == table
        ]
        # One problem a table is enough: all of them have the same remedy.
        for change, work in trials:
            if seen := _try(snapshot, work):
                yield _problem(snapshot, table, change, seen)
                break


def _try(snapshot: Snapshot, work: Callable[[CursorWrapper], str]) -> str:
    """Return what is wrong with a change, in words, or nothing; roll it back."""

    def attempt() -> str:
        connection = snapshot.connection
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '50ms'")
                seen = work(cursor)
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                raise _RolledBackError(seen)
        except _RolledBackError as end:
            return end.seen

    try:
        return retry(attempt, RetryPolicy(patience=PATIENCE, longest_pause=0.5))
    except Error as error:
        if waited_for_a_lock(error) or sqlstate(error) in PREMATURE:
            return ""
        return f"fails: {first_line(error)}"


def _mark(snapshot: Snapshot, table: str) -> Callable[[CursorWrapper], str]:
    """Return a trial that changes a column which no trigger can know."""

    def work(cursor: CursorWrapper) -> str:
        name, key = quoted(table), quoted(key_of(snapshot.found, table))
        row = _first(cursor, f"SELECT {key} FROM {name} LIMIT 1")
        if row is None:
            return ""
        cursor.execute(f"ALTER TABLE {name} ADD COLUMN {MARKER} integer")
        cursor.execute(f"UPDATE {name} SET {MARKER} = 1 WHERE {key} = %s", [row])
        skipped = cursor.rowcount != 1
        marked = _first(cursor, f"SELECT {MARKER} FROM {name} WHERE {key} = %s", row)
        return _seen(skipped, marked == 1)

    return work


def _update(
    snapshot: Snapshot, table: str, column: str, value: str
) -> Callable[[CursorWrapper], str]:
    def work(cursor: CursorWrapper) -> str:
        name, key, own = quoted(table), quoted(key_of(snapshot.found, table)), quoted(column)
        row = _first(
            cursor, f"SELECT {key} FROM {name} WHERE {own} IS DISTINCT FROM ({value}) LIMIT 1"
        )
        if row is None:
            return ""
        before = _first(cursor, f"SELECT {own} FROM {name} WHERE {key} = %s", row)
        cursor.execute(f"UPDATE {name} SET {own} = ({value}) WHERE {key} = %s", [row])
        skipped = cursor.rowcount != 1
        after = _first(cursor, f"SELECT {own} FROM {name} WHERE {key} = %s", row)
        return _seen(skipped, after != before)

    return work


def _insert(statement: str, applies: str) -> Callable[[CursorWrapper], str]:
    def work(cursor: CursorWrapper) -> str:
        if not _first(cursor, applies):
            return ""
        cursor.execute(statement)
        return _seen(cursor.rowcount != 1, True)

    return work


def _rule(snapshot: Snapshot, rule: Rule) -> Callable[[CursorWrapper], str]:
    """Return a trial that applies a rule to one row."""

    def work(cursor: CursorWrapper) -> str:
        name, key = quoted(rule.table), quoted(key_of(snapshot.found, rule.table))
        where = sql_of(rule.where, rule)
        row = _first(cursor, f"SELECT {key} FROM {name} WHERE {where} LIMIT 1")
        if row is None:
            return ""
        if isinstance(rule, Repair):
            assign = doubled(sql_of(rule.assign, rule))
            cursor.execute(f"UPDATE {name} SET {assign} WHERE {name}.{key} = %s", [row])
        else:
            for other, link in references(snapshot.found, rule.table):
                column = quoted(link.columns[0])
                cursor.execute(
                    f"UPDATE {quoted(other)} SET {column} = NULL WHERE {column} = %s", [row]
                )
            cursor.execute(f"DELETE FROM {name} WHERE {key} = %s", [row])
        skipped = cursor.rowcount != 1
        left = _first(
            cursor,
            f"SELECT count(*) FROM {name} WHERE {name}.{key} = %s AND ({doubled(where)})",
            row,
        )
        return _seen(skipped, left == 0)

    return work


def _first(cursor: CursorWrapper, sql: str, key: Any = None) -> Any:
    cursor.execute(sql, None if key is None else [key])
    row = cursor.fetchone()
    return row[0] if row else None


def _seen(skipped: bool, effective: bool) -> str:
    if skipped:
        return "changes no row, and reports no error"
    return "" if effective else "is undone"


def _problem(snapshot: Snapshot, table: str, change: str, seen: str) -> Problem:
    known = snapshot.expected.tables[table].triggers
    triggers = [name for name in snapshot.found.tables[table].triggers if name not in known]
    named = f" Triggers of the owner's on it: {', '.join(triggers)}." if triggers else ""
    disable = (
        "; ".join(
            f"ALTER TABLE {quoted(table)} DISABLE TRIGGER {quoted(name)}" for name in triggers
        )
        or "Disable the trigger, rule or event trigger that is the cause"
    )
    return Problem(
        f"A trial {change} on one row of {table} {seen}.{named}",
        f"{disable}; run migrate, then enable it again. The trial was rolled back.",
    )
