"""Find objects of other programs that have the names of tables to be created."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import CreateModel

from schema.execution.executor import Plan, RecordingExecutor
from schema.models import MigrationKey, MigrationRun
from schema.report import Problem

# A table needs its name for a type too. Array types make way by themselves.
POSTGRESQL = """
    SELECT c.relname::text, c.relkind::text
    FROM pg_class AS c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
      AND c.relname = ANY (%s) AND c.relkind NOT IN ('r', 'p')
    UNION ALL
    SELECT y.typname::text, 'type'
    FROM pg_type AS y
    WHERE y.typnamespace = quote_ident(current_schema())::regnamespace
      AND y.typname = ANY (%s) AND y.typrelid = 0 AND y.typcategory <> 'A'
    ORDER BY 1
"""
KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "c": "a type",
    "type": "a type",
}


def taken_names(executor: RecordingExecutor, plan: Plan) -> Iterator[Problem]:
    """Yield the names of tables that `plan` creates and that something else has.

    A table that has every column of ours may come from an earlier run of the migration, and so may
    one of a migration that was begun before.
    """
    connection = executor.connection
    begun = _begun(connection)
    wanted = {
        _table_of(migration.app_label, operation): (str(migration), operation)
        for migration, backwards in plan
        if not backwards and (migration.app_label, migration.name) not in begun
        for operation in migration.operations
        if isinstance(operation, CreateModel) and not operation.options.get("proxy")
    }
    for name, what in _other_objects(connection, list(wanted)):
        yield Problem(
            f"{name} is {what}, and {wanted[name][0]} needs the name for a table.",
            f"Rename it: ALTER … RENAME TO {name}_old;",
        )
    with connection.cursor() as cursor:
        existing = connection.introspection.get_table_list(cursor)
        for name in sorted({one.name for one in existing if one.type in "tp"} & wanted.keys()):
            description = connection.introspection.get_table_description(cursor, name)
            migration, operation = wanted[name]
            missing = _columns_of(operation) - {column.name for column in description}
            if missing:
                yield Problem(
                    f"There is a table {name} already, without {', '.join(sorted(missing))}, and"
                    f" {migration} creates one of that name.",
                    f"ALTER TABLE {connection.ops.quote_name(name)} RENAME TO"
                    f" {connection.ops.quote_name(f'{name}_old')};",
                )


def _table_of(app_label: str, operation: CreateModel) -> str:
    return str(operation.options.get("db_table") or f"{app_label}_{operation.name_lower}")


def _columns_of(operation: CreateModel) -> set[str]:
    return {
        field.db_column or (f"{name}_id" if field.remote_field else name)
        for name, field in operation.fields
        if not field.many_to_many
    }


def _begun(connection: BaseDatabaseWrapper) -> set[MigrationKey]:
    """Return the migrations that an earlier run began."""
    with connection.cursor() as cursor:
        if MigrationRun._meta.db_table not in connection.introspection.table_names(cursor):
            return set()
    return set(MigrationRun.objects.using(connection.alias).values_list("app", "name"))


def _other_objects(connection: BaseDatabaseWrapper, names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the objects of these names that are no tables, and what they are."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(POSTGRESQL, [names, names])
            yield from ((name, KINDS.get(kind, "taken")) for name, kind in cursor.fetchall())
            return
        for one in connection.introspection.get_table_list(cursor):
            if one.type == "v" and one.name in names:
                yield one.name, "a view"
