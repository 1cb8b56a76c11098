"""Read SQLite's catalog: sqlite_master holds every statement that made something."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection.catalog import Catalog, Index, Table, Trigger
from schema.introspection.sqlite_ddl import normal_after, parse_table, tokens

# The tables that a full-text index keeps its own data in (https://sqlite.org/fts5.html,
# section 9.1); they come and go with it.
SHADOWS = ("data", "idx", "content", "docsize", "config")


def read(connection: BaseDatabaseWrapper) -> Catalog:
    """Return the catalog of the main database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master"
            " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY rowid"
        )
        rows = cursor.fetchall()
    catalog = Catalog("sqlite")
    virtual = [name for kind, name, _, sql in rows if kind == "table" and _is_virtual(sql)]
    shadows = {f"{name}_{suffix}" for name in virtual for suffix in SHADOWS}
    for kind, name, _, sql in rows:
        if kind == "table" and name not in shadows:
            catalog.tables[name] = parse_object(kind, name, sql)
    for kind, name, table, sql in rows:
        if kind in {"index", "trigger"} and table in catalog.tables:
            catalog.tables[table].add(parse_object(kind, name, sql))
    return catalog


def parse_object(kind: str, name: str, sql: str) -> Any:
    """Return the table, index or trigger that the statement `sql` of sqlite_master makes."""
    if kind == "index":
        unique = tokens(sql)[1].value == "unique"
        return Index(name, normal_after(sql, "on"), unique, sql=sql)
    if kind == "trigger":
        # What follows the trigger's name, in its normal form.
        body = normal_after(sql, tokens(f'"{name}"')[0].value)
        return Trigger(name, f"trigger {body}", sql=sql.strip())
    if _is_virtual(sql):
        return Table(name, options="using " + normal_after(sql, "using"), sql=sql)
    parsed = parse_table(sql)
    return Table(
        name,
        dict(parsed.columns),
        list(parsed.constraints),
        options=parsed.options,
        sql=sql,
        items=tuple(parsed.items),
    )


def _is_virtual(sql: str) -> bool:
    # SQLite itself writes the beginning of the statements that it keeps.
    return sql.upper().startswith("CREATE VIRTUAL TABLE")
