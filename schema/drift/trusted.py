"""Decide which migrations may be run in a scratch schema to find out what they make.

A scratch build runs a migration a second time, so it must be one that the project vouches for:
this app's own, those that come with Django, and those of the apps that the setting
`SCHEMA["TRUSTED_APPS"]` names. Even of these, only migrations that consist of operations known
to change nothing but the schema and the rows of its own connection are built.

Code is never run: RunPython makes a migration untrusted. The exceptions are migrations of Django
whose code is known to change rows only; a scratch build leaves that code out.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

from django.db.migrations import Migration, RunPython, SeparateDatabaseAndState
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.operations.base import Operation

from schema.connection.configuration import configuration
from schema.history.status import in_order
from schema.models import MigrationKey

OPERATIONS = ("django.db.migrations.operations.", "schema.operations.")
"""The packages of operations that change the schema, or run SQL that the migration spells out.

An operation may also be defined by the migration's own file, which the project vouches for.
"""
ROWS_ONLY: frozenset[MigrationKey] = frozenset(
    {
        ("contenttypes", "0002_remove_content_type_name"),
        ("auth", "0011_update_proxy_permissions"),
    }
)
"""Django's own migrations that run Python; it changes rows only."""


def is_trusted(migration: Migration) -> bool:
    """Whether the migration may be run in a scratch schema."""
    return _is_from_trusted_app(migration) and all(
        _is_trusted_operation(migration, operation) for operation in _operations(migration)
    )


def buildable(graph: MigrationGraph) -> set[MigrationKey]:
    """Return the migrations that are trusted and depend on trusted migrations only."""
    keys: set[MigrationKey] = set()
    for key in in_order(graph):
        parents = {parent.key for parent in graph.node_map[key].parents}
        migration = graph.nodes[key]
        if migration is not None and parents <= keys and is_trusted(migration):
            keys.add(key)
    return keys


def without_code(migration: Migration) -> Migration:
    """Return the trusted migration without the Python that it runs."""
    if not any(isinstance(one, RunPython) for one in migration.operations):
        return migration
    kept = copy(migration)
    # Its own list; the class keeps the original.
    kept.__dict__["operations"] = [
        one for one in migration.operations if not isinstance(one, RunPython)
    ]
    return kept


def _is_from_trusted_app(migration: Migration) -> bool:
    trusted = {"schema", *configuration().trusted_apps}
    return migration.app_label in trusted or _is_django(migration)


def _is_trusted_operation(migration: Migration, operation: Operation) -> bool:
    if isinstance(operation, RunPython):
        key = migration.app_label, migration.name
        return key in ROWS_ONLY and _is_django(migration)
    own = type(migration).__module__
    module = type(operation).__module__
    return module.startswith(OPERATIONS) or module == own


def _is_django(migration: Migration) -> bool:
    return type(migration).__module__.startswith("django.contrib.")


def _operations(migration: Migration) -> Iterator[Operation]:
    """Yield the operations that reach the database, those of a combined one each by itself."""
    waiting = list(migration.operations)
    while waiting:
        operation = waiting.pop()
        if isinstance(operation, SeparateDatabaseAndState):
            waiting += operation.database_operations
        yield operation
