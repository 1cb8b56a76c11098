"""Collect the statements of a migration without running them.

This is how migrations are exported that may not be run in a scratch schema. Only operations of
Django and of this app are called, and none that runs Python or looks up in the database what an
earlier migration named there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

from django.contrib.postgres.operations import CreateExtension
from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from schema.connection.read_only import refuse_writes
from schema.connection.separate import separate_connection
from schema.introspection.catalog import quoted

PACKAGES = (
    "django.db.migrations.operations.",
    "django.contrib.postgres.operations",
    "schema.operations.",
)
LOOK_UP_NAMES = (
    migrations.AlterField,
    migrations.AlterUniqueTogether,
    migrations.AlterIndexTogether,
)


class NotSQLError(Exception):
    """A migration cannot be written as SQL; the text is the reason."""


@contextmanager
def collecting(connection: BaseDatabaseWrapper) -> Iterator[BaseDatabaseWrapper]:
    """Give a connection of its own to collect statements on; it refuses to write."""
    with separate_connection(connection, "collecting") as own:
        if connection.vendor == "sqlite":
            yield own
        else:
            with own.execute_wrapper(refuse_writes):
                yield own


def collect(
    connection: BaseDatabaseWrapper,
    migration: Migration,
    state: ProjectState,
    *,
    backwards: bool = False,
) -> list[str]:
    """Return the statements of `migration`, which starts from `state`.

    Raises:
        NotSQLError: the migration cannot be written as SQL.
    """
    plain = copy(migration)
    plain.__dict__["operations"] = list(_checked(migration.operations, connection.vendor))
    with recording_editor(connection, run=False)(connection, atomic=migration.atomic) as editor:
        if not backwards:
            plain.apply(state.clone(), editor)
        else:
            try:
                plain.unapply(state.clone(), editor)
            except IrreversibleError as error:
                raise NotSQLError("it has no way back") from error
    statements: list[str] = editor.recorded
    return statements


def _checked(operations: Sequence[Operation], vendor: str) -> Iterator[Operation]:
    """Yield what is to be called in place of each operation."""
    for operation in operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            list(_checked(operation.database_operations, vendor))
        elif isinstance(operation, CreateExtension):
            # The operation itself asks first whether the extension is there.
            if vendor == "postgresql":
                name = quoted(operation.name)
                yield migrations.RunSQL(
                    f"CREATE EXTENSION IF NOT EXISTS {name}", f"DROP EXTENSION IF EXISTS {name}"
                )
            continue
        elif isinstance(operation, migrations.RunPython):
            raise NotSQLError(f"it runs Python ({operation.describe()})")
        elif not type(operation).__module__.startswith(PACKAGES):
            raise NotSQLError(f"it has an operation of its own ({type(operation).__name__})")
        elif isinstance(operation, LOOK_UP_NAMES):
            text = f"its SQL depends on names in the database ({operation.describe()})"
            raise NotSQLError(text)
        yield operation


def recording_editor(connection: BaseDatabaseWrapper, *, run: bool = True) -> Any:
    """Return the connection's schema editor, as a class that keeps the statements it gets.

    With `run` it executes them too.
    """

    class RecordingEditor(connection.SchemaEditorClass):  # type: ignore[misc, name-defined]  # known at run time
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.recorded: list[str] = []

        def execute(self, sql: Any, params: Any = ()) -> None:
            text = str(sql)
            if params is not None:
                text %= tuple(self.quote_value(value) for value in params)
            self.recorded.append(text.strip().removesuffix(";"))
            if run:
                super().execute(sql, params)

    return RecordingEditor
