"""Find the privileges that a role lacks, and what else keeps it from reading or changing a table.

Every function reads the catalog only. Each problem names its cause and its remedy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.connection import limits
from schema.connection.configuration import configuration
from schema.report import Problem

KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "p": "partitioned"}

SESSION = """
    SELECT current_user::text, current_schema()::text, current_database()::text,
           has_schema_privilege(coalesce(current_schema(), 'pg_catalog'), 'CREATE'),
           has_database_privilege(current_database(), 'CREATE'),
           pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
           (SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only')
"""
OWNERS = """
    SELECT c.relname::text, pg_get_userbyid(c.relowner)::text
    FROM pg_class AS c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
      AND c.relname = ANY (%s) AND NOT pg_has_role(c.relowner, 'USAGE')
    ORDER BY 1
"""
SHAPES = """
    SELECT c.relname::text, c.relkind::text,
           ARRAY(SELECT i.inhrelid::regclass::text FROM pg_inherits AS i
                 WHERE i.inhparent = c.oid ORDER BY 1),
           ARRAY(SELECT i.inhparent::regclass::text FROM pg_inherits AS i
                 WHERE i.inhrelid = c.oid ORDER BY 1)
    FROM pg_class AS c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
      AND c.relname = ANY (%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY 1
"""
UNREADABLE = """
    SELECT c.oid::regclass::text, current_user::text
    FROM unnest(%s::text[]) AS n (name)
    JOIN pg_class AS c ON c.oid = to_regclass(n.name)
    WHERE NOT has_table_privilege(c.oid, 'SELECT')
    ORDER BY 1
"""
# `row_security_active` knows owners, FORCE ROW LEVEL SECURITY, BYPASSRLS and superusers. It answers
# for the setting `row_security = on`; with off it still says that the policies would apply.
POLICIES = """
    SELECT c.oid::regclass::text, current_user::text, pg_has_role(c.relowner, 'USAGE'),
           pg_get_userbyid(c.relowner)::text,
           ARRAY(SELECT p.polname::text FROM pg_policy AS p WHERE p.polrelid = c.oid ORDER BY 1)
    FROM unnest(%s::text[]) AS n (name)
    JOIN pg_class AS c ON c.oid = to_regclass(n.name)
    WHERE c.relrowsecurity
      AND (NOT pg_has_role(c.relowner, 'USAGE') OR c.relforcerowsecurity)
      AND NOT EXISTS (
          SELECT FROM pg_roles AS r
          WHERE r.rolname = current_user AND (r.rolsuper OR r.rolbypassrls)
      )
    ORDER BY 1
"""
BOOKKEEPING = """
    SELECT c.relname::text, r.rights
    FROM (VALUES ('django_migrations', 'SELECT, INSERT, DELETE')) AS r (name, rights)
    JOIN pg_class AS c ON c.relname = r.name
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
      AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
               AND has_table_privilege(c.oid, 'DELETE'))
"""


def read_only(connection: BaseDatabaseWrapper) -> list[Problem]:
    """Return why the server takes no changes at all."""
    *_, standby, read_only, source = _fetch(connection, SESSION, None)[0]
    if standby:
        return [
            Problem(
                "The server takes no changes: it is a standby (pg_is_in_recovery() is true).",
                f"Point {configuration().connection_setting(connection)} at the primary server.",
            )
        ]
    if read_only:
        return [
            Problem(
                "The server takes no changes: default_transaction_read_only is on"
                f" (set by: {source}).",
                "Turn it off where it was set: ALTER ROLE … or ALTER DATABASE … RESET"
                " default_transaction_read_only; or in postgresql.conf; or in the connection's"
                " options.",
            )
        ]
    return []


def missing(
    connection: BaseDatabaseWrapper, tables: Collection[str], *, creates: bool = True
) -> list[Problem]:
    """Return what the role may not do with `tables` of the current schema.

    Args:
        connection: A connection to PostgreSQL.
        tables: The tables to alter; names that do not exist are ignored.
        creates: Whether tables are created too.
    """
    if found := read_only(connection):
        return found
    found += limits.encoding(connection)
    role, schema, *_ = session = _fetch(connection, SESSION, None)[0]
    if schema is None:
        return [
            Problem(
                "No schema of the role's search path exists.",
                f"CREATE SCHEMA public; or ALTER ROLE {_quoted(role)} SET search_path = public;",
            )
        ]
    names = sorted(tables)
    if creates and not session[3]:
        found.append(
            Problem(
                f'The role "{role}" may not create tables in the schema "{schema}".',
                f"As its owner: GRANT CREATE ON SCHEMA {_quoted(schema)} TO {_quoted(role)};",
            )
        )
    for table, owner in _fetch(connection, OWNERS, names):
        found.append(
            Problem(
                f'The role "{role}" may not alter the table "{table}", which "{owner}" owns.',
                f'Migrate as "{owner}"; or as "{owner}" or a superuser: GRANT {_quoted(owner)} TO'
                f" {_quoted(role)}; or ALTER TABLE {_quoted(table)} OWNER TO {_quoted(role)};",
            )
        )
    for table, rights in _fetch(connection, BOOKKEEPING, None):
        found.append(
            Problem(
                f'The role "{role}" may not write to the table "{table}".',
                f"As its owner: GRANT {rights} ON {_quoted(table)} TO {_quoted(role)};",
            )
        )
    return [*found, *unreadable(connection, [_quoted(name) for name in names])]


def scratch_schema(connection: BaseDatabaseWrapper) -> list[Problem]:
    """Return why the role may not create the scratch schema that a database is compared with."""
    role, _, database, _, may_create, *_ = _fetch(connection, SESSION, None)[0]
    if may_create:
        return []
    return [
        Problem(
            f'The role "{role}" may not create the scratch schema to compare with.',
            f"GRANT CREATE ON DATABASE {_quoted(database)} TO {_quoted(role)};",
        )
    ]


def unsuitable_tables(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> Iterator[Problem]:
    """Yield the tables that are views, partitioned or part of an inheritance tree.

    A view may hide rows, and constraints do not hold for the rows of child tables.
    """
    for name, kind, children, parents in _fetch(connection, SHAPES, list(tables)):
        if kind != "r":
            yield Problem(
                f"{name} is {KINDS[kind]}, not a plain table.",
                "Rename it, or put the plain table in its place.",
            )
        elif children:
            yield Problem(
                f"{name} has child tables, whose rows its constraints would not hold for:"
                f" {', '.join(children)}.",
                f"Move their rows into {name}, or ALTER TABLE {children[0]} NO INHERIT"
                f" {_quoted(name)};",
            )
        elif parents:
            yield Problem(
                f"{name} is a child table of {', '.join(parents)}, whose columns it inherits.",
                f"ALTER TABLE {_quoted(name)} NO INHERIT {parents[0]}; or detach the partition.",
            )


def unreadable(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> list[Problem]:
    """Return which of the tables, named as SQL names them, the role may not read as a whole."""
    return [
        *(
            Problem(
                f'The role "{role}" may not read the table {name}, and has to know what is in it.',
                f"GRANT SELECT ON {name} TO {_quoted(role)};",
            )
            for name, role in _fetch(connection, UNREADABLE, list(tables))
        ),
        *policies(connection, tables),
    ]


def policies(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> Iterator[Problem]:
    """Yield the tables, named as SQL names them, of which policies hide rows from the role."""
    for name, role, owns, owner, names in _fetch(connection, POLICIES, list(tables)):
        listed = f" ({', '.join(names)})" if names else ""
        remedy = (
            f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY; run migrate, then FORCE it again;"
            if owns
            else f'Migrate as "{owner}";'
        )
        yield Problem(
            f'Row-level security of the table {name}{listed} applies to the role "{role}", so it'
            " may not see every row.",
            f"{remedy} or as a superuser: ALTER ROLE {_quoted(role)} BYPASSRLS;",
        )


def _fetch(
    connection: BaseDatabaseWrapper, sql: str, names: Sequence[str] | None
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, None if names is None else [list(names)])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
