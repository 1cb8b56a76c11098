"""Look for this project's records and tables in every schema of the database.

A schema with the name of the role comes first in PostgreSQL's default search path, "$user", public.
When one appears, the project's tables in `public` are out of sight, and everything new would be
made beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.utils.module_loading import import_string

from schema.adoption.spec import CERTAIN, Spec
from schema.connection.configuration import configuration
from schema.history.status import project_apps
from schema.introspection.catalog import quoted
from schema.report import Problem

RECORDS = "django_migrations"

SESSION = """
    SELECT current_schema()::text, current_user::text, current_database()::text,
           s.setting, s.source, coalesce(has_table_privilege(to_regclass(
               quote_ident(current_schema()) || '.django_migrations'), 'SELECT'), false)
    FROM pg_settings AS s WHERE s.name = 'search_path'
"""
TABLES = """
    SELECT n.nspname::text, c.relname::text, array_agg(a.attname::text),
           has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
           n.nspname = ANY (current_schemas(false))
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relname = ANY (%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    GROUP BY n.oid, n.nspname, c.oid, c.relname
    ORDER BY 1, 2
"""


class Evidence(IntEnum):
    """What shows that a schema holds this project's database."""

    NONE = 0
    TABLES = 1
    """Tables that the earlier tool made, or its records."""
    RECORDS = 2
    """Records of this project's own migrations."""


@dataclass(frozen=True)
class Session:
    """Where the session looks for tables, and who decided that."""

    schema: str | None
    role: str
    database: str
    path: str
    source: str
    """Where the search path was set, as pg_settings names it."""
    has_records_table: bool


@dataclass(frozen=True)
class Table:
    """A table that may be this project's, by its name."""

    schema: str
    name: str
    columns: frozenset[str]
    readable: bool
    on_path: bool
    """Whether its schema is part of the search path."""


def require_own_schema(connection: BaseDatabaseWrapper) -> None:
    """Refuse to go on where the search path leads past this project's tables.

    Raises:
        CommandError: They are in another schema of the database, or the search path names none.
    """
    if problem := other_schema(connection):
        raise CommandError(f"{problem.text}\nNothing was changed. {problem.remedy}")


def other_schema(connection: BaseDatabaseWrapper) -> Problem | None:
    """Return the problem that this project's tables are in another schema, or None."""
    if connection.vendor != "postgresql":
        return None
    session = Session(*_rows(connection, SESSION)[0])
    if session.has_records_table and _has(connection, RECORDS, "app", sorted(project_apps())):
        return None  # two queries, which every run may spend
    others = _other_schemas(connection, session.schema)
    if others or session.schema is None:
        return _problem(connection, session, others)
    return None


def _other_schemas(connection: BaseDatabaseWrapper, here: str | None) -> list[str]:
    """Return the schemas with better evidence than the current one, the best first."""
    schemas: dict[str, dict[str, Table]] = {}
    for table in _tables(connection):
        schemas.setdefault(table.schema, {})[table.name] = table
    evidence = {schema: _evidence(connection, own) for schema, own in schemas.items()}
    on_path = {table.schema for own in schemas.values() for table in own.values() if table.on_path}
    known = evidence.get(here or "", Evidence.NONE)
    others = [
        schema
        for schema, found in evidence.items()
        if schema != here and found > known and (known is Evidence.NONE or schema in on_path)
    ]
    return sorted(others, key=lambda schema: (-evidence[schema], schema not in on_path))


def _problem(connection: BaseDatabaseWrapper, session: Session, others: list[str]) -> Problem:
    leads = f"leads to the schema {session.schema} first"
    if session.schema is None:
        leads = "leads to no schema that exists and that the role may use"
    text = f"The search path ({session.path}) {leads}."
    if others:
        text = (
            f"The tables of this project are in the schema {' and in '.join(others)}, and the"
            f" search path ({session.path}) {leads}."
        )
    there = quoted(others[0]) if others else "public"
    remedy = (
        f"ALTER ROLE {quoted(session.role)} IN DATABASE {quoted(session.database)}"
        f" SET search_path = {there};"
    )
    if session.source in {"client", "session"}:
        setting = configuration().connection_setting(connection)
        remedy = f"Correct it in {setting} or PGOPTIONS: search_path={there}."
    if others and session.schema:
        remedy += (
            " For a new, empty site beside them, in the schema"
            f" {session.schema}: migrate --new-site."
        )
    return Problem(text, remedy)


def _evidence(connection: BaseDatabaseWrapper, tables: dict[str, Table]) -> Evidence:
    """Return what shows that the `tables` of one schema are this project's."""
    records = tables.get(RECORDS)
    if records and {"app", "name"} <= records.columns and records.readable:
        loader = MigrationLoader(None)
        own = project_apps()
        names = [f"{app}.{name}" for app, name in loader.disk_migrations if app in own]
        if _has(connection, _qualified(records), "app || '.' || name", names):
            return Evidence.RECORDS
    path = configuration().adoption
    if not path:
        return Evidence.NONE
    spec: Spec = import_string(path)
    matching = spec.recognized({name: table.columns for name, table in tables.items()})
    # Whatever the search path finds would be adopted.
    if len(matching) >= CERTAIN or any(tables[name].on_path for name in matching):
        return Evidence.TABLES
    tracking = tables.get(spec.tracking.table)
    if tracking and tracking.readable and spec.tracking.file in tracking.columns:
        column = f"{quoted(spec.tracking.file)}::text"
        if _has(connection, _qualified(tracking), column, list(spec.files)):
            return Evidence.TABLES
    return Evidence.NONE


def _tables(connection: BaseDatabaseWrapper) -> Iterator[Table]:
    """Yield the tables of every schema whose names are among this project's."""
    names = [RECORDS]
    if path := configuration().adoption:
        spec: Spec = import_string(path)
        names += [*spec.signature, spec.tracking.table]
    for schema, name, columns, readable, on_path in _rows(connection, TABLES, [names]):
        yield Table(schema, name, frozenset(columns), readable, on_path)


def _qualified(table: Table) -> str:
    return f"{quoted(table.schema)}.{quoted(table.name)}"


def _has(connection: BaseDatabaseWrapper, table: str, expression: str, values: list[str]) -> bool:
    sql = f"SELECT EXISTS (SELECT FROM {table} WHERE {expression} = ANY (%s))"
    return bool(_rows(connection, sql, [values])[0][0])


def _rows(
    connection: BaseDatabaseWrapper, sql: str, values: list[list[str]] | None = None
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
