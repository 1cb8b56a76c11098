"""Set tables and columns of PostgreSQL aside by renaming them, and put them back.

Both take the same time whatever the number of rows is. What hangs on an object (indexes,
constraints, triggers) is dropped with it, as DROP would, and made again in the form that the
migration gives it when it is applied again:

    threads  ->  kept_by_migrate_7        its foreign keys and triggers are dropped
    threads                               the migration makes it again, empty
    kept_by_migrate_7  ->  threads        the empty one is dropped; foreign keys follow, NOT VALID

Rows that were inserted meanwhile have no entry in a column that was set aside. A second column,
whose default is read from the catalog for the rows of then, tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection.catalog import quoted
from schema.migrator.kept import catalog_postgresql as catalog
from schema.migrator.kept.catalog_postgresql import Part
from schema.models import KEPT_PREFIX, KeptObject

TOLD_APART = "_rows"
"""What the name of the column ends with that is true for the rows of then."""
NEW = "_new"
"""What the name of the column ends with that the migration made anew."""


def set_table_aside(connection: BaseDatabaseWrapper, kept: KeptObject) -> None:
    """Rename a table and whatever has a name in its schema; drop what ties it to others."""
    name = kept.kept_as
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        others = []  # foreign keys of tables that stay, which nobody else makes again
        for part in catalog.parts(cursor, kept.table_name):
            if part.kind in {"f", "trigger"}:
                cursor.execute(part.drop())
            if part.kind == "f" and part.table != quoted(kept.table_name):
                others.append([part.table, part.name, part.sql])
        names = {}
        for number, (own, is_sequence) in enumerate(catalog.own_names(cursor, kept.table_name)):
            kind = "SEQUENCE" if is_sequence else "INDEX"
            names[own] = f"{name}_{number}"
            cursor.execute(f"ALTER {kind} {quoted(own)} RENAME TO {quoted(names[own])}")
        cursor.execute(f"ALTER TABLE {quoted(kept.table_name)} RENAME TO {quoted(name)}")
        kept.details = {"names": names, "foreign_keys": others}
        kept.save(using=connection.alias)


def set_column_aside(connection: BaseDatabaseWrapper, kept: KeptObject) -> None:
    """Rename a column, and drop what would keep rows from being written without it."""
    table, column, name = quoted(kept.table_name), kept.column_name, kept.kept_as
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for part in catalog.parts(cursor, kept.table_name):
            if part.table == table and column in part.columns:
                cursor.execute(part.drop())
        cursor.execute(
            f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} DROP IDENTITY IF EXISTS,"
            f" ALTER COLUMN {quoted(column)} DROP DEFAULT,"
            f" ALTER COLUMN {quoted(column)} DROP NOT NULL,"
            f" ADD COLUMN {quoted(name + TOLD_APART)} boolean DEFAULT true"
        )
        cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {quoted(name + TOLD_APART)} DROP DEFAULT")
        cursor.execute(f"ALTER TABLE {table} RENAME COLUMN {quoted(column)} TO {quoted(name)}")
        kept.details = {}
        kept.save(using=connection.alias)


def put_table_back(connection: BaseDatabaseWrapper, kept: KeptObject) -> str:
    """Put a table in the place of the one made anew; return why not, or nothing.

    Constraints follow in `finish`. The rows of the new table are the migration's own: those of
    the old one include them, as people left them.
    """
    name, table = kept.kept_as, kept.table_name
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        new, old = catalog.columns(cursor, table), catalog.columns(cursor, name)
        if reason := _unlike(new, old) or _used_by_views(cursor, table):
            return reason
        before = catalog.parts(cursor, table)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # its pending checks would refuse the drop
        cursor.execute(f"DROP TABLE {quoted(table)} CASCADE")
        cursor.execute(f"ALTER TABLE {quoted(name)} RENAME TO {quoted(table)}")
        there = {own for own, _ in catalog.own_names(cursor, table)}
        for own, meanwhile in kept.details["names"].items():
            if meanwhile in there:
                kind = "SEQUENCE" if _is_sequence(cursor, meanwhile) else "INDEX"
                cursor.execute(f"ALTER {kind} {quoted(meanwhile)} RENAME TO {quoted(own)}")
        before += [Part("f", on, own, sql, ()) for on, own, sql in _existing(cursor, kept.details)]
        kept.details = _make_again(cursor, table, before)
        kept.returning = True
        kept.save(using=connection.alias)
    return ""


def _existing(cursor: Any, details: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the foreign keys of tables that stayed."""
    for on, own, sql in details["foreign_keys"]:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [on])
        if cursor.fetchone()[0]:
            yield [on, own, sql]


def put_column_back(connection: BaseDatabaseWrapper, kept: KeptObject) -> str:
    """Put a column in the place of the one made anew; return why not, or nothing.

    What the migration made of the new column for rows that were inserted meanwhile is copied in
    `finish`; constraints and indexes follow there too.
    """
    table, column, name = quoted(kept.table_name), kept.column_name, kept.kept_as
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        columns = catalog.columns(cursor, kept.table_name)
        if name not in columns:
            return f"{kept.table_name} is not the table that it was set aside in"
        if reason := _unlike_column(columns.get(column), columns[name], column):
            return reason
        if reason := _used_by_views(cursor, kept.table_name, column):
            return reason
        before = catalog.parts(cursor, kept.table_name)
        if any(part.kind in {"p", "x"} and column in part.columns for part in before):
            return f"{kept.table_name}.{column} is part of a primary key or an exclusion"
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for part in before:
            if part.table == table and column in part.columns:
                cursor.execute(part.drop())
        new = columns[column]
        default = f"SET DEFAULT {new.default}" if new.default else "DROP DEFAULT"
        cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} DROP NOT NULL")
        cursor.execute(
            f"ALTER TABLE {table} RENAME COLUMN {quoted(column)} TO {quoted(name + NEW)}"
        )
        cursor.execute(f"ALTER TABLE {table} RENAME COLUMN {quoted(name)} TO {quoted(column)}")
        cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} {default}")
        kept.details = _make_again(cursor, kept.table_name, before)
        if new.not_null:
            check = {"name": name, "column": column}
            cursor.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)}"
                f" CHECK ({quoted(column)} IS NOT NULL) NOT VALID"
            )
            kept.details["not_null"] = check
        kept.returning = True
        kept.save(using=connection.alias)
    return ""


def _make_again(cursor: Any, table: str, before: list[Part]) -> dict[str, Any]:
    """Make what of `before` is missing without reading a row; return what is left for later."""
    there = {part.key for part in catalog.parts(cursor, table)}
    later: dict[str, Any] = {"validate": [], "index": [], "unique": []}
    for part in before:
        if part.key in there:
            continue
        if part.kind == "trigger":
            cursor.execute(part.add())
        elif part.kind in {"c", "f"}:
            cursor.execute(part.add(" NOT VALID"))
            later["validate"].append([part.kind, part.table, part.name])
        elif part.kind == "index":
            later["index"].append([part.name, part.sql])
        else:
            later["unique"].append([part.name, part.sql])
    return later


def _unlike(new: dict[str, Any], old: dict[str, Any]) -> str:
    """Return why a table cannot take the place of another."""
    if not new:
        return "the migration does not make it"
    types = {name: column.type for name, column in new.items()}
    there = {name: one.type for name, one in old.items() if not name.startswith(KEPT_PREFIX)}
    if types != there:
        return "the migration now makes it with other columns"
    return ""


def _unlike_column(new: Any, old: Any, column: str) -> str:
    if new is None:
        return f"the migration does not make {column}"
    if new.type != old.type:
        return f"the migration now makes {column} as {new.type}"
    if new.computed or "nextval(" in (new.default or ""):
        return f"the database computes {column}"
    return ""


def _used_by_views(cursor: Any, table: str, column: str = "") -> str:
    found = catalog.views(cursor, table, column)
    return f"the view {found[0]} reads the new one" if found else ""


def _is_sequence(cursor: Any, name: str) -> bool:
    cursor.execute(
        f"SELECT relkind = 'S' FROM pg_class WHERE relnamespace = {catalog.HERE} AND relname = %s",  # noqa: S608 - a constant
        [name],
    )
    return bool(cursor.fetchone()[0])
