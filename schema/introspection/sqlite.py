"""Read SQLite's catalog: sqlite_master holds every statement that made something."""

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
    virtual = [
        name for kind, name, _, sql in rows if kind == "table" and tokens(sql)[1].value == "virtual"
    ]
    shadows = {f"{name}_{suffix}" for name in virtual for suffix in SHADOWS}
    catalog = Catalog("sqlite")
    for kind, name, _, sql in rows:
        if kind == "table" and name not in shadows:
            catalog.tables[name] = _virtual(name, sql) if name in virtual else _table(name, sql)
    for kind, name, table, sql in rows:
        if kind == "index" and table in catalog.tables:
            unique = tokens(sql)[1].value == "unique"
            catalog.tables[table].indexes[name] = Index(
                name, normal_after(sql, "on"), unique, sql=sql
            )
        elif kind == "trigger" and table in catalog.tables:
            catalog.tables[table].triggers[name] = Trigger(
                name, _after_name(sql, name), sql=sql.strip()
            )
    return catalog


def _table(name: str, sql: str) -> Table:
    parsed = parse_table(sql)
    return Table(
        name,
        parsed.columns,
        parsed.constraints,
        options=parsed.options,
        sql=sql,
        items=tuple(parsed.items),
    )


def _virtual(name: str, sql: str) -> Table:
    return Table(name, options="using " + normal_after(sql, "using"), sql=sql)


def _after_name(sql: str, name: str) -> str:
    """Return what follows the trigger's name, in its normal form."""
    return "trigger " + normal_after(sql, tokens(f'"{name}"')[0].value)
