"""Set tables and columns of SQLite aside by copying them, and put them back.

Django rebuilds a SQLite table to change it, and a table that is renamed takes its foreign keys
along, so that rows they refer to could not be deleted meanwhile. All of it happens in the
migration's own transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection.catalog import quoted
from schema.migrator.kept.finish_postgresql import Counts
from schema.models import KeptObject


def set_table_aside(connection: BaseDatabaseWrapper, kept: KeptObject) -> None:
    """Copy the rows of a table, and remember the highest number it gave out."""
    table = quoted(kept.table_name)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {quoted(kept.kept_as)} AS SELECT * FROM {table}")  # noqa: S608 - quoted
        kept.details = {"sequence": _sequence(cursor, kept.table_name)}
    kept.save(using=connection.alias)


def set_column_aside(connection: BaseDatabaseWrapper, kept: KeptObject) -> None:
    """Copy the values of a column with the keys of their rows."""
    keys = key_columns(connection, kept.table_name)
    names = ", ".join(map(quoted, [*keys, kept.column_name]))
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {quoted(kept.kept_as)} AS SELECT {names} FROM {quoted(kept.table_name)}"  # noqa: S608 - quoted
        )
    kept.details = {"keys": keys}
    kept.save(using=connection.alias)


def put_table_back(connection: BaseDatabaseWrapper, kept: KeptObject) -> Counts | str:
    """Replace the rows that the migration made by those set aside; return why not, or counts."""
    table, name = quoted(kept.table_name), quoted(kept.kept_as)
    with connection.cursor() as cursor:
        columns, old = _columns(cursor, kept.table_name), _columns(cursor, kept.kept_as)
        if not columns:
            return "the migration does not make it"
        if set(columns) != set(old):
            return "the migration now makes it with other columns"
        names = ", ".join(map(quoted, old))
        with _without_triggers(cursor, kept.table_name):
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - quoted
            cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {name}")  # noqa: S608 - quoted
            gone = _clear_orphans(connection, kept)
        if kept.details["sequence"] is not None:
            cursor.execute(
                "UPDATE sqlite_sequence SET seq = max(seq, %s) WHERE name = %s",
                [kept.details["sequence"], kept.table_name],
            )
        rows = _count(cursor, table)
    _close(connection, kept)
    return Counts(rows, gone=gone)


def put_column_back(connection: BaseDatabaseWrapper, kept: KeptObject) -> Counts | str:
    """Give the rows of then their values; return why not, or counts."""
    table, column, name = quoted(kept.table_name), quoted(kept.column_name), quoted(kept.kept_as)
    keys = kept.details["keys"]
    with connection.cursor() as cursor:
        columns = _columns(cursor, kept.table_name)
        if kept.column_name not in columns or not set(keys) <= set(columns):
            return f"the migration does not make {kept.column_name}"
        same = " AND ".join(f"kept.{quoted(key)} = {table}.{quoted(key)}" for key in keys)
        there = f"SELECT 1 FROM {name} AS kept WHERE {same}"  # noqa: S608 - quoted
        cursor.execute(f"CREATE INDEX {quoted(kept.kept_as + '_key')} ON {name} ({_list(keys)})")
        with _without_triggers(cursor, kept.table_name):
            cursor.execute(
                f"UPDATE {table} SET {column} = (SELECT kept.{column} FROM {name} AS kept"  # noqa: S608 - quoted
                f" WHERE {same}) WHERE EXISTS ({there})"
            )
            gone = _clear_orphans(connection, kept)
        meanwhile = _count(cursor, f"{table} WHERE NOT EXISTS ({there})")
        rows = _count(cursor, f"{table} WHERE {column} IS NOT NULL AND EXISTS ({there})")
    _close(connection, kept)
    return Counts(rows, meanwhile, gone)


def drop(connection: BaseDatabaseWrapper, kept: KeptObject) -> None:
    """Drop what was set aside, and its record."""
    _close(connection, kept)


def key_columns(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    """Return the primary key of a table; none where it has none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pragma_table_info(%s) WHERE pk ORDER BY pk", [table])
        return [row[0] for row in cursor.fetchall()]


def _close(connection: BaseDatabaseWrapper, kept: KeptObject) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {quoted(kept.kept_as)}")
    KeptObject.objects.using(connection.alias).filter(pk=kept.pk).delete()


def _clear_orphans(connection: BaseDatabaseWrapper, kept: KeptObject) -> int:
    """Take away the values of foreign keys whose targets were deleted meanwhile.

    Rows that need their target go into quarantine. One that goes may be the target of another.
    """
    table, gone, before = quoted(kept.table_name), 0, -1
    while gone != before:
        before = gone
        with connection.cursor() as cursor:
            cursor.execute(
                'SELECT "from", "table", "to" FROM pragma_foreign_key_list(%s)', [kept.table_name]
            )
            for column, target, key in cursor.fetchall():
                if kept.column_name and column != kept.column_name:
                    continue
                key = key or key_columns(connection, target)[0]
                orphan = (
                    f"{quoted(column)} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {quoted(target)}"  # noqa: S608 - quoted
                    f" AS target WHERE target.{quoted(key)} = {table}.{quoted(column)})"
                )
                if column not in _required(cursor, kept.table_name):
                    cursor.execute(f"UPDATE {table} SET {quoted(column)} = NULL WHERE {orphan}")  # noqa: S608 - quoted
                    gone += cursor.rowcount
                elif not kept.column_name:
                    gone += _quarantine(cursor, kept, orphan, f"{column}: no such row in {target}")
    return gone


def _quarantine(cursor: Any, kept: KeptObject, orphan: str, reason: str) -> int:
    table = quoted(kept.table_name)
    values = ", ".join(
        "'" + name.replace("'", "''") + f"', {quoted(name)}"
        for name in _columns(cursor, kept.table_name)
    ).replace("%", "%%")
    cursor.execute(
        'INSERT INTO schema_quarantine (table_name, "row", reason, quarantined_at)'  # noqa: S608 - quoted
        f" SELECT %s, json_object({values}), %s, CURRENT_TIMESTAMP FROM {table} WHERE {orphan}",
        [kept.table_name, reason],
    )
    cursor.execute(f"DELETE FROM {table} WHERE {orphan}")  # noqa: S608 - quoted
    return int(cursor.rowcount)


@contextmanager
def _without_triggers(cursor: Any, table: str) -> Iterator[None]:
    """Drop the triggers of a table, and make them again after."""
    cursor.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table]
    )
    triggers = cursor.fetchall()
    for name, _ in triggers:
        cursor.execute(f"DROP TRIGGER {quoted(name)}")
    yield
    for _, sql in triggers:
        cursor.execute(sql)


def _sequence(cursor: Any, table: str) -> int | None:
    cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")
    if cursor.fetchone() is None:
        return None
    cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
    row = cursor.fetchone()
    return None if row is None else int(row[0])


def _columns(cursor: Any, table: str) -> list[str]:
    cursor.execute("SELECT name FROM pragma_table_info(%s)", [table])
    return [row[0] for row in cursor.fetchall()]


def _required(cursor: Any, table: str) -> list[str]:
    cursor.execute('SELECT name FROM pragma_table_info(%s) WHERE "notnull"', [table])
    return [row[0] for row in cursor.fetchall()]


def _count(cursor: Any, source: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {source}")  # noqa: S608 - quoted
    return int(cursor.fetchone()[0])


def _list(names: list[str]) -> str:
    return ", ".join(map(quoted, names))
