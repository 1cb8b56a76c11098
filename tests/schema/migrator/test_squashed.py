"""Databases that have a part of what a later release squashed into one migration."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from schema.drift.repair import differences
from schema.drift.verify import verify
from schema.history.status import migration_status, pending_migrations
from schema.introspection.read import read_catalog
from schema.sqlexport.export import export
from tests.conftest import Database, new_database

SQUASHED = "0007_squashed_0008_search_words"
PARTS = ["0007_search_index", "0008_search_words"]
LATER = "0009_word_statistics"


def of_the_release_before(database: Database) -> MigrationExecutor:
    """Return an executor that knows the parts alone."""
    executor = MigrationExecutor(database.connection)
    executor.loader = MigrationLoader(database.connection, replace_migrations=False)
    return executor


@pytest.fixture
def older(empty_database: Database) -> Database:
    """Migrate as the release did that had the first part alone."""
    executor = of_the_release_before(empty_database)
    leaves = [key for key in executor.loader.graph.leaf_nodes() if key[0] != "chat"]
    executor.migrate([*leaves, ("chat", PARTS[0])])
    return empty_database


def recorded(database: Database) -> set[str]:
    applied = MigrationRecorder(database.connection).applied_migrations()
    return {name for app, name in applied if app == "chat"} & {SQUASHED, *PARTS}


def migrate(database: Database, *arguments: str) -> str:
    out = StringIO()
    call_command("migrate", *arguments, database=database.alias, interactive=False, stdout=out)
    return out.getvalue()


def test_older_database_runs_what_it_lacks_and_equals_a_fresh_one(
    older: Database, tmp_path: Path
) -> None:
    assert recorded(older) == {PARTS[0]}
    assert pending_migrations(older.connection) == [f"chat.{SQUASHED}", f"chat.{LATER}"]
    assert verify(older.connection).differences == []
    said = migrate(older)
    assert "Running 2 migrations:\n  applied chat.0008_search_words" in said
    assert f"chat.{PARTS[1]} " not in said.partition("Migration summary:")[2]
    assert recorded(older) == {SQUASHED, *PARTS}
    assert pending_migrations(older.connection) == []
    shown = [step.name for step in migration_status(older.connection).applied]
    assert f"chat.{SQUASHED}" in shown
    assert f"chat.{PARTS[0]}" not in shown
    with new_database(tmp_path) as fresh:
        migrate(fresh)
        was, now = read_catalog(fresh.connection), read_catalog(older.connection)
    assert differences(was, now) == differences(now, was) == []
    assert "Nothing to do" in migrate(older)


def test_each_part_goes_back_alone(older: Database) -> None:
    before = read_catalog(older.connection)
    executor = MigrationExecutor(older.connection)
    executor.migrate([("chat", PARTS[1])])
    of_the_release_before(older).migrate([("chat", PARTS[0])])
    after = read_catalog(older.connection)
    assert differences(before, after) == differences(after, before) == []


def test_squashed_goes_back_whole(older: Database) -> None:
    migrate(older)
    assert f"rolled back chat.{SQUASHED}" in migrate(older, "chat", "0006")
    assert recorded(older) == set()
    assert f"applied chat.{SQUASHED}" in migrate(older)
    assert recorded(older) == {SQUASHED, *PARTS}
    assert verify(older.connection).differences == []


def test_files_for_an_older_database_hold_what_it_lacks(older: Database, tmp_path: Path) -> None:
    names = [path.name[5:] for path in export(older.connection, tmp_path / "sql", rollback=False)]
    assert f"chat_{PARTS[1]}.sql" in names
    assert f"chat_{SQUASHED}.sql" not in names
