"""Complete what was put back: rows, constraints and indexes, while people read and write.

Each statement may be repeated, so a run that was killed is completed by the next one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.batches import run as batches
from schema.batches.step import Step
from schema.connection.retry import milliseconds, retry, retry_policy
from schema.connection.session import session_settings
from schema.introspection.catalog import quoted
from schema.migrator.kept import catalog_postgresql as catalog
from schema.migrator.kept.postgresql import NEW, TOLD_APART
from schema.models import KeptObject

UNIQUE = re.compile(
    r"UNIQUE(?P<nulls> NULLS NOT DISTINCT)? (?P<columns>\(.*?\))(?P<include> INCLUDE \(.*?\))?"
    r"(?P<state>(?: NOT)? DEFERRABLE.*)?$"
)
FOREIGN_KEY = """
    SELECT confrelid::regclass::text,
           ARRAY(SELECT quote_ident(attname) FROM unnest(conkey) WITH ORDINALITY AS key (n, place)
                 JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY place),
           ARRAY(SELECT quote_ident(attname) FROM unnest(confkey) WITH ORDINALITY AS key (n, place)
                 JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY place),
           EXISTS (SELECT FROM pg_attribute
                   WHERE attrelid = conrelid AND attnum = ANY (conkey) AND attnotnull)
    FROM pg_constraint WHERE conrelid = to_regclass(%s) AND conname = %s AND NOT convalidated
"""
QUARANTINE = """
    WITH orphans AS (DELETE FROM {table} WHERE {{batch}} AND {pending} RETURNING *)
    INSERT INTO schema_quarantine (table_name, "row", reason)
    SELECT {literal}, to_jsonb(orphans), {reason} FROM orphans
"""


@dataclass(frozen=True)
class Counts:
    """What became of the rows of one object."""

    rows: int
    """They have their values or are there again."""
    meanwhile: int = 0
    """Inserted while a column was set aside."""
    gone: int = 0
    """Values and rows whose target is gone."""


def finish(connection: BaseDatabaseWrapper, objects: Sequence[KeptObject]) -> list[Counts]:
    """Complete the objects of one migration; return what became of the rows of each."""
    columns = [kept for kept in objects if kept.column_name]
    for table in dict.fromkeys(kept.table_name for kept in columns):
        own = [kept for kept in columns if kept.table_name == table]
        _fill_rows_of_meanwhile(connection, table, own)
    gone = _clear_all_orphans(connection, objects)
    for kept in objects:
        _constrain(connection, kept)
    counts = [replace(_counted(connection, kept), gone=gone[kept.pk]) for kept in objects]
    for kept in objects:
        _close(connection, kept)
    return counts


def _fill_rows_of_meanwhile(
    connection: BaseDatabaseWrapper, table: str, columns: Sequence[KeptObject]
) -> None:
    """Take what the migration made of the new columns for rows that had no old ones.

    All columns of a row at once: a constraint may be about several.
    """
    with connection.cursor() as cursor:
        there = catalog.columns(cursor, table)
    changes, pending = [], []
    for kept in columns:
        if kept.kept_as + NEW in there:
            column, new = quoted(kept.column_name), quoted(kept.kept_as + NEW)
            told_apart = quoted(kept.kept_as + TOLD_APART)
            pending.append(f"({told_apart} IS NULL AND {column} IS NULL AND {new} IS NOT NULL)")
            changes.append(f"{column} = CASE WHEN {pending[-1]} THEN {new} ELSE {column} END")
    if changes:
        condition = f"({' OR '.join(pending)})"
        statement = (
            f"UPDATE {quoted(table)} SET {', '.join(changes)} WHERE {{batch}} AND {condition}"  # noqa: S608 - quoted
        )
        _step(connection, columns[0], table, statement, condition)


def _clear_all_orphans(
    connection: BaseDatabaseWrapper, objects: Sequence[KeptObject]
) -> dict[int, int]:
    """Clear orphans until there are none: a row that goes may be the target of another."""
    gone = dict.fromkeys([kept.pk for kept in objects], 0)
    tables = {kept.table_name for kept in objects if not kept.column_name}
    before = -1
    while sum(gone.values()) != before:
        before = sum(gone.values())
        for kept in objects:
            for kind, on, name in kept.details["validate"]:
                if kind == "f":
                    gone[kept.pk] += _clear_orphans(connection, kept, on, name, tables)
    return gone


def _constrain(connection: BaseDatabaseWrapper, kept: KeptObject) -> None:
    """Build what is missing, and have the rows of then checked."""
    for name, sql in kept.details["index"]:
        _build(connection, sql, name)
    for name, sql in kept.details["unique"]:
        _add_unique(connection, kept.table_name, name, sql)
    for _, on, name in kept.details["validate"]:
        _run(connection, f"ALTER TABLE {on} VALIDATE CONSTRAINT {quoted(name)}")
    if "not_null" in kept.details:
        table, column = quoted(kept.table_name), quoted(kept.column_name)
        with connection.cursor() as cursor:
            if catalog.columns(cursor, kept.table_name)[kept.column_name].not_null:
                return
        _run(connection, f"ALTER TABLE {table} VALIDATE CONSTRAINT {quoted(kept.kept_as)}")
        _run(connection, f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL")


def _counted(connection: BaseDatabaseWrapper, kept: KeptObject) -> Counts:
    table, told_apart = quoted(kept.table_name), quoted(kept.kept_as + TOLD_APART)
    if not kept.column_name:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - quoted
            return Counts(int(cursor.fetchone()[0]))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count({quoted(kept.column_name)}) FILTER (WHERE {told_apart}),"  # noqa: S608 - quoted
            f" count(*) FILTER (WHERE {told_apart} IS NULL) FROM {table}"
        )
        rows, meanwhile = cursor.fetchone()
    return Counts(int(rows), int(meanwhile))


def _close(connection: BaseDatabaseWrapper, kept: KeptObject) -> None:
    """Drop what only putting back needed, and the record of the object, together."""

    def close() -> None:
        with transaction.atomic(using=connection.alias):
            if kept.column_name:
                name = kept.kept_as
                with connection.cursor() as cursor:
                    cursor.execute(
                        f"ALTER TABLE {quoted(kept.table_name)}"
                        f" DROP CONSTRAINT IF EXISTS {quoted(name)},"
                        f" DROP COLUMN IF EXISTS {quoted(name + NEW)},"
                        f" DROP COLUMN IF EXISTS {quoted(name + TOLD_APART)}"
                    )
            KeptObject.objects.using(connection.alias).filter(pk=kept.pk).delete()

    with _short_waits(connection):
        retry(close)


def _short_waits(connection: BaseDatabaseWrapper) -> AbstractContextManager[None]:
    return session_settings(connection, {"lock_timeout": retry_policy.get().lock_timeout_setting})


def _run(connection: BaseDatabaseWrapper, statement: str) -> None:
    def execute() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    with _short_waits(connection):
        retry(execute)


def _step(
    connection: BaseDatabaseWrapper,
    kept: KeptObject,
    table: str,
    statement: str,
    pending: str,
) -> int:
    """Run a statement over the rows of `table` that need it, in batches; return how many did."""
    step = Step(
        app=kept.app,
        migration=kept.name,
        name=f"put back {kept}, {table}"[:255],
        table=table,
        statements=(statement,),
        pending=pending,
    )
    rows = batches.run(connection, step) if step.is_pending(connection) else 0
    if not connection.in_atomic_block:
        batches.forget(connection, step)
    return rows


def _clear_orphans(
    connection: BaseDatabaseWrapper,
    kept: KeptObject,
    table: str,
    constraint: str,
    set_aside: Collection[str],
) -> int:
    """Take away the values of a foreign key whose target was deleted meanwhile.

    Where the column may not be empty, the row goes into quarantine if the whole table was set
    aside; a row that people see is left to the constraint, which names it.
    """
    with connection.cursor() as cursor:
        cursor.execute(FOREIGN_KEY, [table, constraint])
        row = cursor.fetchone()
        cursor.execute("SELECT relname FROM pg_class WHERE oid = to_regclass(%s)", [table])
        plain = str(cursor.fetchone()[0])
    if row is None:
        return 0
    target, columns, keys, not_null = row
    given = " AND ".join(f"{table}.{name} IS NOT NULL" for name in columns)
    same = " AND ".join(
        f"target.{key} = {table}.{name}" for key, name in zip(keys, columns, strict=True)
    )
    pending = f"({given} AND NOT EXISTS (SELECT FROM {target} AS target WHERE {same}))"
    if not not_null:
        change = ", ".join(f"{name} = NULL" for name in columns)
        statement = f"UPDATE {table} SET {change} WHERE {{batch}} AND {pending}"  # noqa: S608 - quoted
    elif plain in set_aside:
        reason = f"{', '.join(columns)}: no such row in {target} any more"
        statement = QUARANTINE.format(
            table=table, pending=pending, literal=_literal(plain), reason=_literal(reason)
        )
    else:
        return 0
    return _step(connection, kept, plain, statement, pending)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _build(connection: BaseDatabaseWrapper, sql: str, name: str) -> None:
    """Build an index, concurrently unless a transaction is open; drop what a killed build left."""
    if connection.in_atomic_block:
        _run(connection, sql.replace(" INDEX ", " INDEX IF NOT EXISTS ", 1))
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [quoted(name)]
        )
        valid = cursor.fetchone()
    if valid == (False,):
        _run(connection, f"DROP INDEX {quoted(name)}")
    if valid != (True,):
        limit = {"lock_timeout": milliseconds(retry_policy.get().patience)}
        with session_settings(connection, limit), connection.cursor() as cursor:
            cursor.execute(sql.replace(" INDEX ", " INDEX CONCURRENTLY ", 1))


def _add_unique(connection: BaseDatabaseWrapper, table: str, name: str, sql: str) -> None:
    """Add a unique or another indexed constraint, unless it exists."""
    with connection.cursor() as cursor:
        if any(part.name == name for part in catalog.parts(cursor, table) if part.kind in "upx"):
            return
    match = UNIQUE.match(sql)
    if match is None:
        _run(connection, f"ALTER TABLE {quoted(table)} ADD CONSTRAINT {quoted(name)} {sql}")
        return
    index = (
        f"CREATE UNIQUE INDEX {quoted(name)} ON {quoted(table)} {match['columns']}"
        f"{match['include'] or ''}{match['nulls'] or ''}"
    )
    _build(connection, index, name)
    _run(
        connection,
        f"ALTER TABLE {quoted(table)} ADD CONSTRAINT {quoted(name)} UNIQUE"
        f" USING INDEX {quoted(name)}{match['state'] or ''}",
    )
