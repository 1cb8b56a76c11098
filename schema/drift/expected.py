"""The schema that the applied migrations should have made.

Trusted migrations are built in a scratch schema. What the others made is known from the changes
that `migrate` recorded with each run. A migration that is neither trusted nor recorded is taken
as found: nothing that it made is expected or compared.

Where the scratch schema cannot be built, the records of the trusted migrations are used as well.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from schema.drift.compare import find
from schema.drift.repair import differences, script
from schema.drift.scratch import built_catalog, scratch
from schema.drift.trusted import buildable
from schema.history.runs import Direction, History, Outcome, RecordedChanges
from schema.introspection.catalog import Catalog, CatalogError, Constraint, SchemaObject
from schema.introspection.changes import (
    ChangeSet,
    ObjectKey,
    Objects,
    apply_changes,
    assemble,
    flatten,
    from_json,
)
from schema.introspection.read import read_catalog
from schema.models import MigrationKey


@dataclass(frozen=True)
class ExpectedSchema:
    """What is expected of a database, and how it is known."""

    vendor: str
    objects: Objects
    recorded: frozenset[ObjectKey] = frozenset()
    """The objects that are known from a record, not from a build."""
    taken_as_found: tuple[MigrationKey, ...] = ()
    """Applied migrations of which nothing was known when they were applied."""
    not_built: CatalogError | None = None
    """Why the records are used in place of a build."""

    def catalog(self, found: Catalog) -> Catalog:
        """Return the expected catalog; `found` completes tables that are known in part."""
        return assemble(self.vendor, self.objects, found)

    def recorded_all(self, keys: Collection[MigrationKey]) -> bool:
        """Whether it is known what all of these applied migrations made."""
        return not set(keys) & set(self.taken_as_found)


def compare_with_expected(connection: BaseDatabaseWrapper) -> tuple[ExpectedSchema, Catalog]:
    """Return what is expected of a database, and what there is.

    The live schema is read last: what a concurrent `migrate` has recorded by then exists.

    Raises:
        CatalogError: the comparison is not possible.
    """
    expected = expected_schema(connection)
    found = read_catalog(connection)
    if expected.not_built is None:
        return accept_equal_forms(connection, expected, found), found
    if find(expected.catalog(found), found):
        # Whether the definitions mean the same cannot be decided without a scratch schema.
        raise expected.not_built
    return expected, found


def expected_schema(connection: BaseDatabaseWrapper) -> ExpectedSchema:
    """Return what the applied migrations should have made.

    Raises:
        CatalogError: it can be neither built nor read from the records.
    """
    loader = MigrationLoader(connection)
    applied = set(MigrationRecorder(connection).applied_migrations())
    records = History(connection).recorded_changes()
    built = with_replaced(loader, buildable(loader.graph) & set(loader.applied_migrations))
    not_built: CatalogError | None = None
    try:
        base = flatten(built_catalog(connection, built))
    except CatalogError as error:
        if unknown_migrations(loader, applied & built, set(_forwards(records, applied))):
            raise
        base, built, not_built = {}, set(), error
    overlay = _overlay(records, applied, built)
    objects = {key: one for key, one in (base | overlay).items() if one is not None}
    known = built | {
        key
        for key, record in _forwards(records, applied).items()
        if record.outcome != Outcome.FOUND
    }
    return ExpectedSchema(
        vendor=connection.vendor,
        objects=objects,
        recorded=frozenset(key for key in overlay if key in objects),
        taken_as_found=unknown_migrations(loader, applied, known),
        not_built=not_built,
    )


def with_replaced(loader: MigrationLoader, keys: Collection[MigrationKey]) -> set[MigrationKey]:
    """Return `keys` and the migrations that they replace."""
    return set(keys).union(*(loader.disk_migrations[key].replaces for key in keys))


def recorded_change_set(connection: BaseDatabaseWrapper, key: MigrationKey) -> ChangeSet | None:
    """Return what the last run of the migration changed, if it was recorded."""
    records = [
        record
        for record in History(connection).recorded_changes()
        if record.key == key and record.direction == Direction.FORWARDS
    ]
    return from_json(records[-1].document) if records else None


def accept_equal_forms(
    connection: BaseDatabaseWrapper, expected: ExpectedSchema, found: Catalog
) -> ExpectedSchema:
    """Replace recorded objects by those that were found, where both mean the same.

    A definition that was recorded on another version of the server, or before a dump and a
    restore, may read differently today. So that the server decides, every recorded table that
    differs is created in a scratch schema and read back.
    """
    if expected.vendor != "postgresql":
        return expected
    catalog = expected.catalog(found)
    tables = {str(one.table) for one in find(catalog, found) if one.found is not None and one.table}
    suspects = {key for key in expected.recorded if key.table in tables or key.kind == "function"}
    if not suspects:
        return expected
    again = flatten(_read_back(connection, catalog, {key.table for key in suspects}))
    there = flatten(found)
    equal = {
        key: there[key] for key in suspects if key in there and again.get(key) == there.get(key)
    }
    return replace(expected, objects=expected.objects | equal)


def _forwards(
    records: Collection[RecordedChanges], applied: Collection[MigrationKey]
) -> dict[MigrationKey, RecordedChanges]:
    """Return the last record of each of the `applied` migrations that has one."""
    return {
        record.key: record
        for record in records
        if record.direction == Direction.FORWARDS and record.key in applied
    }


def _overlay(
    records: Collection[RecordedChanges],
    applied: Collection[MigrationKey],
    built: Collection[MigrationKey],
) -> dict[ObjectKey, SchemaObject | None]:
    """Return the recorded state of objects that no later built migration changed.

    The records are replayed in the order of the runs. The run that changed an object last
    decides; where that was a built migration, the build does.
    """
    overlay: dict[ObjectKey, SchemaObject | None] = {}
    for record in records:
        forwards = record.direction == Direction.FORWARDS
        if forwards and record.key not in applied:
            continue  # another tool rolled it back
        change_set = from_json(record.document)
        if record.key not in built:
            apply_changes(overlay, change_set)
            continue
        for key in change_set.before.keys() | change_set.after.keys():
            overlay.pop(key, None)
    return overlay


def unknown_migrations(
    loader: MigrationLoader, applied: Collection[MigrationKey], known: set[MigrationKey]
) -> tuple[MigrationKey, ...]:
    """Return the applied migrations that are not known, not even by what replaces them."""
    for key, squashed in loader.replacements.items():
        if key in known:
            known = known | set(squashed.replaces)
        elif known >= set(squashed.replaces):
            known = known | {key}
    return tuple(sorted(key for key in applied if key not in known))


def _read_back(
    connection: BaseDatabaseWrapper, catalog: Catalog, tables: Collection[str]
) -> Catalog:
    """Return the tables and functions of `catalog` as the server reads their definitions.

    Foreign keys to other tables are skipped: to add one would lock a live table.
    """
    wanted = replace(
        catalog,
        tables={
            name: replace(
                table, constraints=[one for one in table.constraints if _stands_alone(one, tables)]
            )
            for name, table in catalog.tables.items()
            if name in tables
        },
    )
    live = _current_schema(connection)
    with scratch(connection, search_path=[live]) as empty:
        for statement in script(differences(wanted, Catalog("postgresql"), online=False)):
            try:
                with transaction.atomic(using=empty.alias), empty.cursor() as cursor:
                    cursor.execute(statement)
            except DatabaseError:  # the difference stays
                continue
        return read_catalog(empty, names_from=[live])


def _stands_alone(constraint: Constraint, tables: Collection[str]) -> bool:
    return constraint.target is None or constraint.target in tables


def _current_schema(connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return str(cursor.fetchone()[0])
