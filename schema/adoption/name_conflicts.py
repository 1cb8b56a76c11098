"""Find objects whose names, or places, the migrations need for something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.adoption.match_step import MatchedStep
from schema.adoption.spec import Spec
from schema.connection.privileges import KINDS
from schema.drift.migration_state import MigrationState
from schema.drift.scratch import MigrationEffect
from schema.introspection.catalog import Catalog, Column, Constraint, Table, quoted
from schema.report import Problem

# PostgreSQL keeps the names of tables, indexes, views and sequences together. A table also needs
# its name for a type; array types make way by themselves.
NAMES = """
    SELECT c.relname::text, c.relkind::text, t.relname::text
    FROM pg_class AS c
    LEFT JOIN pg_index AS x ON x.indexrelid = c.oid
    LEFT JOIN pg_class AS t ON t.oid = x.indrelid
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
      AND c.relname = ANY (%s)
    UNION ALL
    SELECT y.typname::text, 'type ' || y.typtype::text, NULL
    FROM pg_type AS y
    WHERE y.typnamespace = quote_ident(current_schema())::regnamespace
      AND y.typname = ANY (%s) AND y.typrelid = 0 AND y.typcategory <> 'A'
    ORDER BY 1
"""
RENAMED = {
    "r": "TABLE",
    "p": "TABLE",
    "v": "VIEW",
    "m": "MATERIALIZED VIEW",
    "S": "SEQUENCE",
    "c": "TYPE",
    "type d": "DOMAIN",
}
OTHER_KINDS = KINDS | {
    "r": "a table",
    "S": "a sequence",
    "c": "a type",
    "type e": "an enum type",
    "type d": "a domain",
}

FROM_OTHER_SCHEMAS = """
    SELECT f.relname, k.conname, k.conrelid::regclass::text,
           ARRAY(SELECT a.attname::text FROM unnest(k.conkey) AS n (attnum)
                 JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n.attnum)
    FROM pg_constraint AS k
    JOIN pg_class AS f ON f.oid = k.confrelid
    JOIN pg_class AS c ON c.oid = k.conrelid
    WHERE k.contype = 'f' AND c.relnamespace <> f.relnamespace
      AND f.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
      AND f.relname = ANY (%s)
    ORDER BY 1, 2
"""


def taken_names(
    connection: BaseDatabaseWrapper, steps: Sequence[MigrationEffect], found: Catalog
) -> Iterator[Problem]:
    """Yield the names of tables and indexes to be made that something else has."""
    wanted: dict[str, tuple[str | None, MigrationEffect]] = {}
    for step in steps:
        for name, table in step.after.tables.items():
            before = step.before.tables.get(name)
            if before is None and name not in found.tables:
                wanted[name] = None, step
            for index in table.indexes:
                if before is None or index not in before.indexes:
                    wanted[index] = name, step
            for one in table.constraints:
                if one.kind in {"primary key", "unique"} and not (
                    before and before.constraint(one.name)
                ):
                    wanted[one.name] = name, step
    tables = [name for name, (of_table, _) in wanted.items() if of_table is None]
    with connection.cursor() as cursor:
        cursor.execute(NAMES, [list(wanted), tables])
        rows = cursor.fetchall()
    for name, kind, owner in rows:
        needing, step = wanted[name]
        if owner is not None and owner == needing:
            continue
        what = f"an index of {owner}" if owner else OTHER_KINDS.get(kind, "a type")
        renamed = RENAMED.get(kind, "INDEX" if owner else "TYPE")
        yield Problem(
            f"{name} is {what}, and {_name(step)} needs the name for"
            f" {'a table' if needing is None else f'an index of {needing}'}.",
            f"ALTER {renamed} {quoted(name)} RENAME TO {quoted(f'{name}_old')};",
        )


def reserved_columns(
    connection: BaseDatabaseWrapper, spec: Spec, step: MigrationEffect, found: Catalog
) -> Iterator[tuple[str, Column, Column]]:
    """Yield the owner's columns whose names a step needs: the table, ours and the owner's.

    One that is defined like ours and has our default in every row may stay: it means the same, or
    is ours from a run that was interrupted.
    """
    for name, columns in spec.reserved.items():
        before, after = step.before.tables.get(name), step.after.tables.get(name)
        for column in columns if after and name in found.tables else ():
            actual = found.tables[name].columns.get(column)
            if actual is None or after is None or (before and column in before.columns):
                continue
            expected = after.columns[column]
            if actual != expected or _has_rows(
                connection, name, f"{quoted(column)} IS DISTINCT FROM {expected.default}"
            ):
                yield name, expected, actual


def kept_name(table: Table, column: str) -> str:
    """Return a free name under which the owner's column is kept."""
    names = (f"owner_{column}{number or ''}" for number in range(len(table.columns) + 1))
    return next(name for name in names if name not in table.columns)


def with_reserved_renamed(found: Catalog, columns: Sequence[tuple[str, Column, Column]]) -> Catalog:
    """Return the catalog as it will be once the owner's columns are renamed."""
    tables = dict(found.tables)
    for name, _, actual in columns:
        table = tables[name]
        others = {key: one for key, one in table.columns.items() if key != actual.name}
        kept = kept_name(table, actual.name)
        others[kept] = replace(actual, name=kept, nullable=True)
        tables[name] = replace(table, columns=others)
    return replace(found, tables=tables)


def later_columns(later: Sequence[MigrationEffect], found: Catalog) -> Iterator[Problem]:
    """Yield the tables and columns that a later migration creates and that others have created.

    One that is exactly as the migration creates it may come from an earlier run of it.
    """
    for step in later:
        for name, table in step.after.tables.items():
            actual, before = found.tables.get(name), step.before.tables.get(name)
            if actual is None:
                continue
            if before is not None:
                yield from _later_columns(step, table, before, actual)
            elif actual.columns != table.columns:
                yield Problem(
                    f"There is a table {name} already, and {_name(step)} creates one of that name.",
                    " ".join(_renamed(actual, table)),
                )


def _later_columns(
    step: MigrationEffect, table: Table, before: Table, actual: Table
) -> Iterator[Problem]:
    for column in table.columns.values():
        known = actual.columns.get(column.name)
        if column.name not in before.columns and known not in {None, column}:
            yield Problem(
                f"{table.name} has a column {column.name} already, and {_name(step)} creates one of"
                f" that name: {column.describe()}.",
                f"ALTER TABLE {quoted(table.name)} RENAME COLUMN {quoted(column.name)} TO"
                f" {quoted(f'{column.name}_old')};",
            )


def _renamed(actual: Table, table: Table) -> Iterator[str]:
    """Yield the statements that free the name of `table` and those of its indexes."""
    yield f"ALTER TABLE {quoted(table.name)} RENAME TO {quoted(f'{table.name}_old')};"
    names = {one.name for one in actual.constraints} | actual.indexes.keys()
    for name in sorted(names & ({one.name for one in table.constraints} | table.indexes.keys())):
        yield f"ALTER INDEX {quoted(name)} RENAME TO {quoted(f'{name}_old')};"


def misdirected_links(steps: Sequence[MatchedStep], found: Catalog) -> Iterator[Problem]:
    """Yield the foreign keys that lead elsewhere than the one a step makes on their column."""
    for one in steps:
        for finding in one.findings:
            wanted, table = finding.expected, found.tables.get(str(finding.table))
            if not isinstance(wanted, Constraint) or wanted.kind != "foreign key" or table is None:
                continue
            for other in table.constraints:
                if (
                    other.kind == wanted.kind
                    and other.columns == wanted.columns
                    and other.target != wanted.target
                ):
                    column = wanted.columns[0]
                    yield Problem(
                        f"{table.name}.{column} refers to {other.target} by the foreign key"
                        f" {other.name}, and must refer to {wanted.target}.",
                        f"Drop that foreign key, or rename the column: ALTER TABLE"
                        f" {quoted(table.name)} RENAME COLUMN {quoted(column)} TO"
                        f" {quoted(f'{column}_old')};",
                    )


def lacking_tables(
    connection: BaseDatabaseWrapper, steps: Sequence[MatchedStep], found: Catalog
) -> Iterator[Problem]:
    """Yield the missing tables that existing rows belong to."""
    for one in steps:
        for name, table in one.step.after.tables.items():
            if name in one.step.before.tables or name not in found.tables:
                continue
            for constraint in table.constraints:
                target = constraint.target
                if (
                    target
                    and target not in found.tables
                    and not table.columns[constraint.columns[0]].nullable
                    and _has_rows(connection, name)
                ):
                    yield Problem(
                        f"{name} has rows, and the table {target} that they belong to does"
                        " not exist.",
                        f"Restore {target}, or connect to the whole database.",
                    )


def lacking_columns(
    connection: BaseDatabaseWrapper, steps: Sequence[MatchedStep], found: Catalog
) -> Iterator[Problem]:
    """Yield the missing columns for which existing rows would have no value."""
    for one in steps:
        if one.state is not MigrationState.PARTIAL:
            continue
        for name, table in one.step.after.tables.items():
            actual = found.tables.get(name)
            before = one.step.before.tables.get(name)
            if actual is None:
                continue
            lacking = [
                column.name
                for column in table.columns.values()
                if column.name not in actual.columns
                and not (before and column.name in before.columns)
                and column.default is None
                and not column.nullable
                and not column.identity
            ]
            if lacking and _has_rows(connection, name):
                yield Problem(
                    f"{name} has rows and lacks what they cannot be without: {', '.join(lacking)}.",
                    f"Add and fill the column; or, if it is another table of that name: ALTER"
                    f" TABLE {quoted(name)} RENAME TO {quoted(f'{name}_old')};",
                )


def unfillable_columns(steps: Sequence[MatchedStep], found: Catalog) -> Iterator[Problem]:
    """Yield the owner's columns without which no row can be written."""
    expected = steps[-1].step.after.tables
    for name, table in expected.items():
        actual = found.tables.get(name)
        if actual is None or any(" BEFORE INSERT" in x.sql for x in actual.triggers.values()):
            continue
        for column in actual.columns.values():
            if (
                column.name not in table.columns
                and not column.nullable
                and column.default is None
                and not (column.identity or column.generated)
            ):
                yield Problem(
                    f"{name}.{column.name}, which is not this project's, must have a value in every"
                    " row and has no default, so nothing could be written.",
                    f"ALTER TABLE {quoted(name)} ALTER COLUMN {quoted(column.name)} SET DEFAULT …;"
                    f" or DROP NOT NULL;",
                )


def links_from_other_schemas(
    connection: BaseDatabaseWrapper, tables: Sequence[str]
) -> list[tuple[str, str, str, str]]:
    """Return table, foreign key, and the table, qualified, and its column that refer to it."""
    with connection.cursor() as cursor:
        cursor.execute(FROM_OTHER_SCHEMAS, [list(tables)])
        return [(table, key, where, columns[0]) for table, key, where, columns in cursor.fetchall()]


def _has_rows(connection: BaseDatabaseWrapper, table: str, where: str = "true") -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {quoted(table)} WHERE {where})")
        return bool(cursor.fetchone()[0])


def _name(step: MigrationEffect) -> str:
    return f"{step.migration.app_label}.{step.migration.name}"
