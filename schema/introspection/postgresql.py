"""Read PostgreSQL's catalog, set by set: one message however many tables there are."""

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection.catalog import (
    Catalog,
    CatalogError,
    Column,
    Constraint,
    Function,
    Index,
    Table,
    Trigger,
    quoted,
)

HERE = "(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema())"

# A domain or a type with a collation of its own says so; only what differs is named. An
# invalid NOT NULL (PostgreSQL 18) does not hold for the rows from before it.
COLUMNS = f"""
    SELECT c.relname, c.relpersistence = 'u', a.attname,
           format_type(a.atttypid, a.atttypmod),
           a.attnotnull AND NOT EXISTS (
               SELECT FROM pg_constraint AS n
               WHERE n.conrelid = c.oid AND n.contype = 'n' AND NOT n.convalidated
               AND n.conkey = ARRAY[a.attnum]
           ),
           pg_get_expr(d.adbin, d.adrelid),
           CASE WHEN a.attcollation <> t.typcollation THEN quote_ident(o.collname) END,
           a.attidentity, a.attgenerated
    FROM pg_class AS c
    LEFT JOIN pg_attribute AS a
        ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_collation AS o ON o.oid = a.attcollation
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = {HERE} AND c.relkind IN ('r', 'p')
    ORDER BY c.oid, a.attnum
"""  # noqa: S608 - HERE is the constant above
# NOT NULL is read with the columns: only PostgreSQL 18 keeps it here too, as type n.
CONSTRAINTS = f"""
    SELECT c.relname, k.conname, k.contype, pg_get_constraintdef(k.oid), k.convalidated,
           ARRAY(
               SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, place)
               JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
               ORDER BY u.place
           ),
           f.relname,
           NOT EXISTS (
               SELECT FROM pg_trigger AS g WHERE g.tgconstraint = k.oid AND g.tgenabled = 'D'
           )
    FROM pg_constraint AS k
    JOIN pg_class AS c ON c.oid = k.conrelid
    LEFT JOIN pg_class AS f ON f.oid = k.confrelid
    WHERE c.relnamespace = {HERE} AND k.contype IN ('p', 'u', 'c', 'f', 'x')
    ORDER BY k.oid
"""  # noqa: S608 - constants
INDEXES = f"""
    SELECT c.relname, i.relname, x.indisunique, x.indisvalid AND x.indisready,
           pg_get_indexdef(x.indexrelid, 0, true)
    FROM pg_index AS x
    JOIN pg_class AS i ON i.oid = x.indexrelid
    JOIN pg_class AS c ON c.oid = x.indrelid
    WHERE c.relnamespace = {HERE} AND c.relkind IN ('r', 'p') AND NOT EXISTS (
        SELECT FROM pg_constraint AS k
        WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x')
    )
    ORDER BY i.oid
"""  # noqa: S608 - constants
TRIGGERS = f"""
    SELECT c.relname, g.tgname, pg_get_triggerdef(g.oid, true), g.tgenabled
    FROM pg_trigger AS g
    JOIN pg_class AS c ON c.oid = g.tgrelid
    WHERE c.relnamespace = {HERE} AND c.relkind IN ('r', 'p') AND NOT g.tgisinternal
    ORDER BY g.oid
"""  # noqa: S608 - constants
# What an extension brought is the extension's.
FUNCTIONS = f"""
    SELECT quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')',
           replace(
               pg_get_functiondef(p.oid),
               quote_ident(current_schema()) || '.' || quote_ident(p.proname) || '(',
               quote_ident(p.proname) || '('
           ),
           l.lanname
    FROM pg_proc AS p
    JOIN pg_language AS l ON l.oid = p.prolang
    WHERE p.pronamespace = {HERE} AND p.prokind IN ('f', 'p') AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    )
    ORDER BY p.oid
"""  # noqa: S608 - constants

KINDS = {
    "p": "primary key",
    "u": "unique",
    "c": "check",
    "f": "foreign key",
    "x": "exclusion",
}
IDENTITIES = {"": None, "a": "ALWAYS", "d": "BY DEFAULT"}
STORAGE = {"s": "STORED", "v": "VIRTUAL"}


def read(connection: BaseDatabaseWrapper, names_from: Sequence[str] = ()) -> Catalog:
    """Return the catalog of the connection's current schema.

    The names of objects in `names_from`, other schemas, are written without the schema.
    """
    with connection.cursor() as cursor:
        results = _all_rows(cursor, _script(names_from))
    [(schema, path)] = results[0]
    if schema is None:
        raise CatalogError(
            f"No schema of the search path {path} exists. Create one, or set the role's "
            "search_path to the schema that holds the tables."
        )
    _, _, columns, constraints, indexes, triggers, functions, _ = results
    catalog = Catalog("postgresql", _tables(columns))
    for table, *row in constraints:
        catalog.tables[table].constraints.append(_constraint(row))
    for table, name, unique, valid, definition in indexes:
        on = definition.split(" ON ", 1)[1]
        catalog.tables[table].indexes[name] = Index(name, on, unique, valid)
    for table, name, definition, enabled in triggers:
        trigger = Trigger(name, definition, enabled, definition)
        catalog.tables[table].triggers[name] = trigger
    for signature, definition, language in functions:
        catalog.functions[signature] = Function(signature, definition, language)
    return catalog


def _script(names_from: Sequence[str]) -> str:
    """Return all queries as one message, which is one transaction and one round trip.

    The search path is set for it alone, and put back where a transaction is open already. A pooler
    that hands out servers by the transaction gives one server for all the queries.
    """
    others = "".join(f" || ', ' || {_literal(quoted(name))}" for name in names_from)
    return ";".join(
        [
            "SELECT current_schema(), current_setting('search_path')",
            "SELECT set_config('schema.search_path', current_setting('search_path'), true),"
            " set_config('search_path',"
            f" coalesce(quote_ident(current_schema()), 'pg_catalog'){others}, true)",
            COLUMNS,
            CONSTRAINTS,
            INDEXES,
            TRIGGERS,
            FUNCTIONS,
            "SELECT set_config('search_path', current_setting('schema.search_path'), true)",
        ]
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _all_rows(cursor: Any, script: str) -> list[list[tuple[Any, ...]]]:
    """Return the rows of each query of `script`."""
    cursor.execute(script)
    results = [cursor.fetchall()]
    while cursor.nextset():
        results.append(cursor.fetchall())
    return results


def _tables(rows: Sequence[Sequence[Any]]) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for row in rows:
        table, unlogged, name, kind, not_null, expression, collation, identity, generated = row
        if table not in tables:
            tables[table] = Table(table, options="UNLOGGED" if unlogged else "")
        if name is None:
            continue
        tables[table].columns[name] = Column(
            name=name,
            type=kind,
            nullable=not not_null,
            default=None if generated else expression,
            collation=collation,
            identity=IDENTITIES[identity],
            generated=f"({expression}) {STORAGE[generated]}" if generated else None,
        )
    return tables


def _constraint(row: Sequence[Any]) -> Constraint:
    name, kind, definition, valid, columns, target, enforced = row
    return Constraint(
        name=name,
        kind=KINDS[kind],
        definition=definition.removesuffix(" NOT VALID"),
        columns=tuple(columns),
        target=target,
        valid=valid,
        enforced=enforced,
    )
