"""Every statement that a migration executes, in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from schema.drift.scratch import scratch
from schema.drift.trusted import buildable, is_trusted
from schema.execution.collected_sql import NotSQLError, collect, collecting, recording_editor
from schema.history.status import in_order
from schema.introspection.changes import ChangeSet, changes
from schema.introspection.read import read_catalog
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


@dataclass
class Recording:
    """One migration and its statements."""

    migration: Migration
    parents: tuple[MigrationKey, ...]
    children: tuple[MigrationKey, ...]
    forwards: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)
    changes: ChangeSet | None = None
    """What it makes and removes, where it was run."""
    not_forwards: str = ""
    """Why its way there cannot be written as SQL."""
    not_backwards: str = ""
    """Why its way back cannot."""


def record(
    connection: BaseDatabaseWrapper, *, backwards: bool
) -> tuple[list[str], list[Recording]]:
    """Return what makes `django_migrations`, and every migration in the order of application.

    Trusted migrations are run in a scratch place. Of the others the statements are collected
    without running them; where that is not possible, the recording has the reason. Where one of
    several that were squashed is recorded, those stand in place of what replaces them.

    Raises:
        CatalogError: the role may not create a scratch schema.
        IrreversibleError: the way back is wanted and a trusted migration has none.
    """
    graph = MigrationLoader(connection).graph
    trusted = buildable(graph)
    order = in_order(graph)
    plan = [in_sql(graph.nodes[key]) for key in order]
    states = [ProjectState()]
    for migration in plan:
        states.append(migration.mutate_state(states[-1]))
    recordings = [
        Recording(migration, keys(graph.node_map[key].parents), keys(graph.node_map[key].children))
        for key, migration in zip(order, plan, strict=True)
    ]
    built = [one for one, key in zip(recordings, order, strict=True) if key in trusted]
    first = _run(connection, built, dict(zip(plan, states, strict=False)), backwards=backwards)
    with collecting(connection) as idle:
        for recording, key, state in zip(recordings, order, states, strict=False):
            if key not in trusted:
                _collect(idle, recording, state, backwards=backwards)
    return first, recordings


def _run(
    connection: BaseDatabaseWrapper,
    recordings: Sequence[Recording],
    states: dict[Migration, ProjectState],
    *,
    backwards: bool,
) -> list[str]:
    """Run trusted migrations in a scratch place, from the states before them."""
    with scratch(connection) as empty:
        editor_class = recording_editor(empty)
        with editor_class(empty, atomic=False) as editor:
            editor.create_model(MigrationRecorder.Migration)
        first: list[str] = editor.recorded
        before = read_catalog(empty)
        for one in recordings:
            with editor_class(empty, atomic=one.migration.atomic) as editor:
                one.migration.apply(states[one.migration].clone(), editor)
            one.forwards = editor.recorded
            after = read_catalog(empty)
            one.changes = changes(before, after)
            before = after
        for one in reversed(recordings if backwards else []):
            with editor_class(empty, atomic=one.migration.atomic) as editor:
                one.migration.unapply(states[one.migration].clone(), editor)
            one.backwards = editor.recorded
    return first


def _collect(
    connection: BaseDatabaseWrapper, recording: Recording, state: ProjectState, *, backwards: bool
) -> None:
    """Collect the statements of a migration that is not trusted, or the reason for none."""
    try:
        recording.forwards = collect(connection, recording.migration, state)
    except NotSQLError as error:
        recording.not_forwards = recording.not_backwards = str(error)
        return
    if backwards:
        try:
            recording.backwards = collect(connection, recording.migration, state, backwards=True)
        except NotSQLError as error:
            recording.not_backwards = str(error)


def keys(nodes: Sequence[Any]) -> tuple[MigrationKey, ...]:
    """Return the keys of nodes of the migration graph, sorted."""
    return tuple(sorted(node.key for node in nodes))


def in_sql(migration: Migration) -> Migration:
    """Return `migration` with SQL in the place of the Python of Django's that is known."""
    key = (migration.app_label, migration.name)
    if key not in PYTHON_AS_SQL or not is_trusted(migration):
        return migration
    forwards, backwards = PYTHON_AS_SQL[key]
    operations: list[Operation] = [
        migrations.RunSQL(forwards or [], backwards or [])
        if isinstance(operation, migrations.RunPython)
        else operation
        for operation in migration.operations
    ]
    kept = copy(migration)
    kept.__dict__["operations"] = operations  # its own; the class keeps the original
    return kept
