"""Databases whose records and schema contradict each other, after another tool was killed."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import migrations
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from schema.introspection.read import read_catalog
from schema.models import MigrationRun
from tests.conftest import Database
from tests.schema.conftest import Migrated, MigratedTo

STEPS = [
    ("users", "0001_users"),
    ("personas", "0002_multi_persona"),
    ("chat", "0002_thread_link"),
]


def migrate(database: Database, *arguments: str) -> str:
    out = StringIO()
    call_command("migrate", *arguments, database=database.alias, stdout=out)
    return out.getvalue()


def applied(database: Database) -> set[tuple[str, str]]:
    return set(MigrationRecorder(database.connection).applied_migrations())


@pytest.fixture(autouse=True)
def no_adoption(settings: Settings) -> None:
    """See what happens to databases that no tool of the past has made; adoption has its tests."""
    settings.SCHEMA = settings.SCHEMA | {"ADOPTION": None}


@pytest.fixture
def database(migrated: Migrated) -> Database:
    return migrated.database


@pytest.mark.parametrize(("app", "name"), STEPS)
def test_a_migration_that_was_committed_but_not_recorded_is_recorded(
    empty_database: Database, app: str, name: str
) -> None:
    MigrationExecutor(empty_database.connection).migrate([(app, name)])
    MigrationRecorder(empty_database.connection).record_unapplied(app, name)
    output = migrate(empty_database)
    assert f"  {app}.{name} exists already, but was not recorded: recording it.\n" in output
    assert output.count("exists already") == 1
    again = migrate(empty_database)
    assert again.startswith("Nothing to do")


def test_a_whole_database_without_records_is_recorded(database: Database) -> None:
    before, names = read_catalog(database.connection), applied(database)
    MigrationRecorder(database.connection).flush()
    migrate(database)
    assert applied(database) == names
    assert read_catalog(database.connection) == before


def test_migrate_redoes_a_rollback_that_was_committed_but_not_recorded(database: Database) -> None:
    before = read_catalog(database.connection)
    MigrationExecutor(database.connection).migrate([("chat", "0003_thread_backfill")])
    MigrationRecorder(database.connection).record_applied("chat", "0004_thread_index")
    output = migrate(database)
    assert (
        "  chat.0004_thread_index no longer exists, but is recorded: removing the record." in output
    )
    assert "applied chat.0004_thread_index" in output
    assert read_catalog(database.connection) == before


def test_rolling_back_ends_a_rollback_that_was_committed_but_not_recorded(
    database: Database,
) -> None:
    MigrationExecutor(database.connection).migrate([("chat", "0001_chat_history")])
    MigrationRecorder(database.connection).record_applied("chat", "0002_thread_link")
    output = migrate(database, "chat", "0001")
    assert "  chat.0002_thread_link no longer exists" in output
    assert ("chat", "0002_thread_link") not in applied(database)
    assert migrate(database, "chat", "0001").startswith("Nothing to do")


def test_a_migration_half_run_by_hand_is_completed(
    migrated: Migrated, migrated_to: MigratedTo
) -> None:
    whole = read_catalog(migrated.database.connection)
    database = migrated_to("chat", "0001")
    migrate(database, "personas", "0001")
    with database.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE personas ADD COLUMN description text DEFAULT '' NOT NULL")
    output = migrate(database)
    if database.connection.vendor == "postgresql":  # SQLite rebuilds the table and succeeds
        assert "  personas.0002_multi_persona exists in part: completing it.\n" in output
    found = read_catalog(database.connection)
    assert found.tables["personas"].columns == whole.tables["personas"].columns
    assert found.tables["personas"].triggers == whole.tables["personas"].triggers
    assert found.tables["threads"] == whole.tables["threads"]


class Loose(Migration):
    """A column, and a data step that must not be left out, without a transaction."""

    atomic = False

    operations = [
        migrations.RunSQL(
            "ALTER TABLE threads ADD COLUMN loose integer", "ALTER TABLE threads DROP COLUMN loose"
        ),
        migrations.RunSQL("UPDATE users SET name = 'named'", migrations.RunSQL.noop),
    ]


def test_a_data_step_of_a_migration_cut_off_before_it_is_done(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema shows all of the migration; nothing but its data step is missing."""
    load_disk = MigrationLoader.load_disk

    def with_loose(loader: Any) -> None:
        load_disk(loader)
        last = max(key for key in loader.disk_migrations if key[0] == "threads")
        loose = Loose("9999_loose", "threads")
        loose.__dict__["dependencies"] = [last]  # its own
        loader.disk_migrations["threads", "9999_loose"] = loose

    monkeypatch.setattr(MigrationLoader, "load_disk", with_loose)
    with database.connection.cursor() as cursor:
        cursor.execute("INSERT INTO users (email, password_hash) VALUES ('a@example.com', 'x')")
        cursor.execute("ALTER TABLE threads ADD COLUMN loose integer")
    output = migrate(database)
    assert "  threads.9999_loose exists in part: completing it.\n" in output
    with database.connection.cursor() as cursor:
        cursor.execute("SELECT name FROM users")
        assert cursor.fetchall() == [("named",)]
    assert migrate(database).startswith("Nothing to do")


def test_a_run_that_died_is_noticed_and_settled(database: Database) -> None:
    runs = MigrationRun.objects.using(database.alias)
    last = runs.latest("id")
    runs.filter(pk=last.pk).update(outcome=MigrationRun.Outcome.RUNNING)
    output = migrate(database)
    assert output.startswith(
        f"An earlier run of {last.app}.{last.name} (forwards) was interrupted:"
        " checking its state.\n"
    )
    last.refresh_from_db()
    assert last.outcome == MigrationRun.Outcome.SUCCEEDED  # its record says it was committed


def test_an_error_that_is_no_contradiction_is_shown(database: Database) -> None:
    migrate(database, "threads", "zero")
    with database.connection.cursor() as cursor:
        cursor.execute("CREATE VIEW threads AS SELECT 1 AS one")
    with pytest.raises(CommandError) as error:
        migrate(database)
    first, *rest = str(error.value).splitlines()
    assert first.startswith("threads.0001_threads failed while applying it: ")
    assert "already" in first
    assert rest[0] == "Nothing of it remains; the migrations before it are done."
