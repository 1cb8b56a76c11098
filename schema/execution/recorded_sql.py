"""Every statement that a migration executes, both ways, found by running it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from schema.drift.expected import scratch
from schema.execution.executor import FIRST
from schema.models import MigrationKey

# What the framework's own migrations do in Python, there and back, as SQL. Permissions of
# proxy models are made anew by the next `migrate`.
PYTHON_AS_SQL: dict[MigrationKey, tuple[str, str]] = {
    ("contenttypes", "0002_remove_content_type_name"): (
        "",
        "UPDATE django_content_type SET name = model",
    ),
    ("auth", "0011_update_proxy_permissions"): ("", ""),
}


class NotSQLError(Exception):
    """A migration does in Python what cannot be written down as SQL."""


@dataclass(frozen=True)
class Recording:
    """One migration and its statements."""

    migration: Migration
    parents: tuple[MigrationKey, ...]
    children: tuple[MigrationKey, ...]
    forwards: list[str]
    backwards: list[str]


def record(
    connection: BaseDatabaseWrapper, *, backwards: bool
) -> tuple[list[str], list[Recording]]:
    """Return what makes `django_migrations`, and every migration in the order of application.

    They are run in a scratch place; nothing that is live is changed. Where one of several that
    were squashed is recorded, those stand in place of what replaces them.

    Raises:
        NotSQLError: a migration runs Python that is not known here.
        CatalogError: the role may not create a scratch schema.
        IrreversibleError: the way back is wanted and a migration has none.
    """
    graph = MigrationLoader(connection).graph
    order: dict[MigrationKey, None] = {FIRST: None}
    for leaf in graph.leaf_nodes():
        order |= dict.fromkeys(graph.forwards_plan(leaf))
    planned = [in_sql(graph.nodes[key]) for key in order]
    with scratch(connection) as empty:
        with editor_of(empty)(empty, atomic=False) as editor:
            editor.create_model(MigrationRecorder.Migration)
        first: list[str] = editor.recorded
        states = [ProjectState()]
        ways: list[list[str]] = []
        for migration in planned:
            with editor_of(empty)(empty, atomic=migration.atomic) as editor:
                states.append(migration.apply(states[-1].clone(), editor))
            ways.append(editor.recorded)
        ways_back: list[list[str]] = [[] for _ in planned]
        for place in reversed(range(len(planned)) if backwards else range(0)):
            with editor_of(empty)(empty, atomic=planned[place].atomic) as editor:
                planned[place].unapply(states[place].clone(), editor)
            ways_back[place] = editor.recorded
    return first, [
        Recording(
            migration,
            keys(graph.node_map[key].parents),
            keys(graph.node_map[key].children),
            there,
            back,
        )
        for key, migration, there, back in zip(order, planned, ways, ways_back, strict=True)
    ]


def keys(nodes: Sequence[Any]) -> tuple[MigrationKey, ...]:
    """Return the keys of nodes of the migration graph, sorted."""
    return tuple(sorted(node.key for node in nodes))


def editor_of(connection: BaseDatabaseWrapper) -> Any:
    """Return the connection's schema editor, as a class that keeps what it executes."""

    class RecordingEditor(connection.SchemaEditorClass):  # type: ignore[misc, name-defined]  # known at run time
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.recorded: list[str] = []

        def execute(self, sql: Any, params: Any = ()) -> None:
            text = str(sql)
            if params is not None:
                text %= tuple(self.quote_value(value) for value in params)
            self.recorded.append(text.strip().removesuffix(";"))
            super().execute(sql, params)

    return RecordingEditor


def in_sql(migration: Migration) -> Migration:
    """Return `migration` with SQL in the place of the Python that is known."""
    key = (migration.app_label, migration.name)
    operations: list[Operation] = []
    for operation in migration.operations:
        if not isinstance(operation, migrations.RunPython):
            operations.append(operation)
            continue
        if key not in PYTHON_AS_SQL:
            raise NotSQLError(f"{migration} runs Python ({operation.describe()}).")
        there, back = PYTHON_AS_SQL[key]
        operations.append(migrations.RunSQL(there or [], back or []))
    migration.__dict__["operations"] = operations  # its own; the class has the original
    return migration
