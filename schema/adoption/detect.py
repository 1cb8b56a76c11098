"""Decide whether a database was made by the tool that the specification describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.utils.module_loading import import_string

from schema.adoption.plan import Adoption
from schema.adoption.spec import CERTAIN, Spec
from schema.connection.configuration import configuration
from schema.introspection.catalog import quoted
from schema.models import MigrationKey, MigrationRun
from schema.report import Problem

COLUMNS = """
    SELECT c.relname::text, array_agg(a.attname::text)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE pg_table_is_visible(c.oid) AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    GROUP BY c.relname
"""


def find_adoption(
    connection: BaseDatabaseWrapper,
    loader: MigrationLoader,
    options: Mapping[str, Any],
    progress: Callable[[str], None] = lambda _: None,
) -> Adoption | None:
    """Return the adoption that the database needs, or None.

    Its `doubts` say why the database may be another program's. Of the `options` of `migrate` it
    reads `adopt`, which puts the doubts aside, and `quarantine_limit`.
    """
    path = configuration().adoption
    if connection.vendor != "postgresql" or not path:
        return None
    spec: Spec = import_string(path)
    pending = [key for key in spec.steps if key not in loader.applied_migrations]
    if not pending:
        return None
    existing = _columns(connection)
    continued = _is_continued(connection, loader, pending, existing)
    if not continued and not _has_markers(loader, pending, existing):
        return None
    certain = options["adopt"] or continued or len(pending) < len(spec.steps)
    return Adoption(
        connection,
        loader,
        spec,
        tables=tables_of(loader, spec),
        doubts=[] if certain else _doubts(connection, spec, existing),
        quarantine_limit=options["quarantine_limit"],
        progress=progress,
    )


def markers(loader: MigrationLoader, key: MigrationKey) -> list[tuple[str, str | None]]:
    """Return the tables that a migration creates, and the columns it adds to others."""
    before = loader.project_state(key, at_end=False)
    after = loader.project_state(key)
    found: list[tuple[str, str | None]] = []
    for name, model in after.models.items():
        table = str(model.options.get("db_table") or "_".join(name))
        if name not in before.models:
            found.append((table, None))
            continue
        for field_name, field in model.fields.items():
            if field_name not in before.models[name].fields and not field.many_to_many:
                link = f"{field_name}_id" if field.remote_field else field_name
                found.append((table, field.db_column or link))
    return found


def tables_of(loader: MigrationLoader, spec: Spec) -> list[str]:
    """Return the tables that the steps create."""
    return sorted(
        {table for key in spec.steps for table, column in markers(loader, key) if column is None}
    )


def _columns(connection: BaseDatabaseWrapper) -> dict[str, set[str]]:
    """Return the columns of every table and view that the search path finds."""
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        return {table: set(columns) for table, columns in cursor.fetchall()}


def _has_markers(
    loader: MigrationLoader, pending: list[MigrationKey], existing: Mapping[str, set[str]]
) -> bool:
    """Return whether a table or a column of a pending step exists."""
    return any(
        table in existing and (column is None or column in existing[table])
        for key in pending
        for table, column in markers(loader, key)
    )


def _is_continued(
    connection: BaseDatabaseWrapper,
    loader: MigrationLoader,
    pending: list[MigrationKey],
    existing: Mapping[str, set[str]],
) -> bool:
    """Return whether an earlier run adopted a step, or was interrupted at one, and left others."""
    if MigrationRun._meta.db_table not in existing:
        return False
    runs = MigrationRun.objects.using(connection.alias).filter(
        direction=MigrationRun.Direction.FORWARDS
    )
    outcome = MigrationRun.Outcome
    done = set(
        runs.filter(outcome__in=[outcome.SUCCEEDED, outcome.ADOPTED]).values_list("app", "name")
    )
    if all(key in done for key in pending):
        return False
    return runs.filter(outcome=outcome.ADOPTED).exists()


def _doubts(
    connection: BaseDatabaseWrapper, spec: Spec, existing: Mapping[str, set[str]]
) -> list[Problem]:
    """Return why the database may belong to another program; nothing where it is certain."""
    if len(spec.recognized(existing)) >= CERTAIN or _has_record(connection, spec, existing):
        return []
    ours = sorted(existing.keys() & spec.signature.keys())
    others = sorted(
        name
        for name in existing.keys() - spec.signature.keys()
        if not name.startswith(("django_", "auth_", "schema_"))
    )
    beside = f" The database also holds {', '.join(others[:5])}." if others else ""
    return [
        Problem(
            f"The database may belong to another program: of {', '.join(spec.signature)} it has"
            f" only {', '.join(ours) or 'parts'}, and no {spec.tracking.table} that lists a known"
            f" file.{beside}",
            f"Correct {configuration().connection_setting(connection)}; or, if this is the"
            " database to adopt, run migrate with --adopt.",
        )
    ]


def _has_record(
    connection: BaseDatabaseWrapper, spec: Spec, existing: Mapping[str, set[str]]
) -> bool:
    """Return whether the old tool recorded one of its files."""
    history = spec.tracking
    if history.file not in existing.get(history.table, ()):
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM {quoted(history.table)}"
            f" WHERE {quoted(history.file)}::text = ANY (%s))",
            [list(spec.files)],
        )
        return bool(cursor.fetchone()[0])
