"""What the migrations make, against what `migrate` made."""

import pytest
from django.core.management import call_command
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from schema.drift.repair import differences
from schema.drift.scratch import built_catalog, expected_steps
from schema.introspection.read import read_catalog
from tests.conftest import Database
from tests.schema.conftest import Migrated

pytestmark = pytest.mark.engines("sqlite", "postgresql", "older")


def test_migrated_database_is_as_expected(migrated: Migrated) -> None:
    assert migrated.differences() == []
    assert read_catalog(migrated.database.connection) == migrated.expected


def test_migrated_database_is_as_expected_after_each_step_back(empty_database: Database) -> None:
    connection = empty_database.connection
    call_command("migrate", database=empty_database.alias, verbosity=0)
    for app, target in [("chat", "0001"), ("personas", "0001"), ("chat", "zero")]:
        call_command("migrate", app, target, database=empty_database.alias, verbosity=0)
        applied = MigrationRecorder(connection).applied_migrations()
        expected = built_catalog(connection, applied)
        assert differences(expected, read_catalog(connection)) == []
    call_command("migrate", database=empty_database.alias, verbosity=0)
    applied = MigrationRecorder(connection).applied_migrations()
    expected = built_catalog(connection, applied)
    assert differences(expected, read_catalog(connection)) == []


def test_expected_steps_lead_from_nothing_to_the_expected(migrated: Migrated) -> None:
    connection = migrated.database.connection
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    plan = [migration for migration, _ in executor.migration_plan(leaves, clean_start=True)]
    half = len(plan) // 2
    applied = {(migration.app_label, migration.name) for migration in plan[:half]}
    steps = expected_steps(connection, plan[half:], applied)
    assert [step.migration for step in steps] == plan[half:]
    assert [step.before for step in steps[1:]] == [step.after for step in steps[:-1]]
    assert steps[-1].after == migrated.expected


def test_scratch_leaves_nothing_behind(migrated: Migrated) -> None:
    connection = migrated.database.connection
    before = read_catalog(connection)
    built_catalog(connection, MigrationRecorder(connection).applied_migrations())
    assert read_catalog(connection) == before
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'scratch%'")
            assert cursor.fetchone() == (0,)
