"""The migrations that may be run in a scratch schema."""

from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from schema.drift.trusted import ROWS_ONLY, buildable, is_trusted, without_code
from schema.models import MigrationKey
from tests.conftest import ROOT


def known() -> dict[MigrationKey, migrations.Migration]:
    return {
        key: migration
        for key, migration in MigrationLoader(None).graph.nodes.items()
        if migration is not None
    }


def operations(migration: migrations.Migration) -> list[Operation]:
    found: list[Operation] = []
    for operation in migration.operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            found += operation.database_operations
        found.append(operation)
    return found


def test_every_migration_of_this_project_and_of_django_is_trusted() -> None:
    assert buildable(MigrationLoader(None).graph) == set(known())


def test_project_vouches_for_its_own_apps_and_no_other() -> None:
    own = {
        app.label
        for app in apps.get_app_configs()
        if Path(app.path).parent == ROOT and (Path(app.path) / "migrations").is_dir()
    }
    assert {"schema", *settings.SCHEMA["TRUSTED_APPS"]} == own


def test_trusted_migrations_run_no_python_but_what_changes_rows_only() -> None:
    run_python = {
        key
        for key, migration in known().items()
        if any(isinstance(one, migrations.RunPython) for one in operations(migration))
    }
    assert run_python == ROWS_ONLY
    for key in ROWS_ONLY:
        left = operations(without_code(known()[key]))
        assert not any(isinstance(one, migrations.RunPython) for one in left)
        assert any(isinstance(one, migrations.RunPython) for one in operations(known()[key]))


def test_operations_that_migrations_define_themselves_are_known() -> None:
    """Whoever adds one checks that it changes nothing but its own connection's schema and rows."""
    own = {
        f"{key[0]}.{type(one).__name__}"
        for key, migration in known().items()
        for one in operations(migration)
        if type(one).__module__ == type(migration).__module__
    }
    assert own == {"chat.DropFirstIndex"}


class Elsewhere(migrations.RunSQL):
    """An operation of somebody's own."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, *states: Any
    ) -> None:
        raise AssertionError("this must not be called")


@pytest.mark.parametrize(
    ("app_label", "operation", "trusted"),
    [
        ("users", migrations.RunSQL("SELECT 1"), True),
        ("users", migrations.RunPython(migrations.RunPython.noop), False),
        (
            "users",
            migrations.SeparateDatabaseAndState(
                database_operations=[migrations.RunPython(migrations.RunPython.noop)]
            ),
            False,
        ),
        ("users", Elsewhere("SELECT 1"), False),
        ("zoo", migrations.RunSQL("SELECT 1"), False),
    ],
)
def test_trust_depends_on_the_app_and_on_every_operation(
    app_label: str, operation: Operation, trusted: bool
) -> None:
    migration = type("Migration", (migrations.Migration,), {"operations": [operation]})(
        "0001_made_up", app_label
    )
    type(migration).__module__ = f"{app_label}.migrations.0001_made_up"
    assert is_trusted(migration) is trusted


def test_migration_that_depends_on_an_untrusted_one_is_not_built() -> None:
    graph = MigrationLoader(None).graph
    made_up = migrations.Migration("0001_made_up", "zoo")
    graph.add_node(("zoo", "0001_made_up"), made_up)
    graph.add_dependency(None, ("users", "0001_users"), ("zoo", "0001_made_up"))
    left = buildable(graph)
    assert ("zoo", "0001_made_up") not in left
    assert ("users", "0001_users") not in left
    assert ("contenttypes", "0001_initial") in left
