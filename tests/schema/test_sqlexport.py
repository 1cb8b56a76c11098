"""The migrations run by hand, from the files that `exportsql` writes."""

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from pytest_django import DjangoDbBlocker

from schema.drift.verify import verify
from tests import postgres
from tests.conftest import Database
from tests.engine import VENDOR


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Path:
    folder = tmp_path_factory.mktemp("export") / "sql"
    with django_db_blocker.unblock():
        call_command("exportsql", output=folder, rollback=True, verbosity=0)
        connections.close_all()
    return folder


def run_by_hand(database: Database, *paths: Path) -> None:
    """Run the files as their heads say."""
    for path in paths:
        if VENDOR == "sqlite":
            run_on_sqlite(database, path)
            continue
        psql = postgres.embedded() / "bin" / "psql"
        command = [str(psql), "-q", "-v", "ON_ERROR_STOP=1", "-d", database.url, "-f", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
        assert done.returncode == 0, done.stderr


def run_on_sqlite(database: Database, path: Path) -> None:
    connection = sqlite3.connect(database.url.removeprefix("sqlite:///"))
    try:
        connection.executescript(path.read_text())
    finally:
        connection.rollback()
        connection.close()


def numbered(folder: Path) -> list[Path]:
    return sorted(folder.glob("0*.sql"))


def is_as_migrated(database: Database) -> bool:
    executor = MigrationExecutor(database.connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return not plan and not verify(database.connection).differences


@pytest.mark.engines("sqlite", "postgresql", "older")
def test_database_made_by_hand_is_as_migrated(files: Path, empty_database: Database) -> None:
    run_by_hand(empty_database, files / "all.sql")
    assert is_as_migrated(empty_database)


def test_second_run_does_nothing(files: Path, empty_database: Database) -> None:
    run_by_hand(empty_database, files / "all.sql")
    with empty_database.connection.cursor() as cursor:
        cursor.execute("SELECT app, name, applied FROM django_migrations ORDER BY id")
        before = cursor.fetchall()
    empty_database.connection.close()
    for path in (files / "all.sql", *numbered(files)[-3:]):
        if VENDOR == "sqlite":
            with pytest.raises(sqlite3.IntegrityError, match="has_nothing_to_do"):
                run_by_hand(empty_database, path)
        else:
            run_by_hand(empty_database, path)
    with empty_database.connection.cursor() as cursor:
        cursor.execute("SELECT app, name, applied FROM django_migrations ORDER BY id")
        assert cursor.fetchall() == before
    assert is_as_migrated(empty_database)


@pytest.mark.parametrize("by_hand", ["chat_0001", "chat_0003"])
def test_migrate_goes_on_where_the_files_stopped(
    files: Path, empty_database: Database, by_hand: str
) -> None:
    paths = numbered(files)
    last = next(n for n, path in enumerate(paths) if by_hand in path.name)
    run_by_hand(empty_database, *paths[: last + 1])
    call_command("migrate", database=empty_database.alias, verbosity=0, interactive=False)
    assert is_as_migrated(empty_database)


def test_files_go_on_where_migrate_stopped(files: Path, empty_database: Database) -> None:
    call_command("migrate", "chat", "0002", database=empty_database.alias, verbosity=0)
    recorded = MigrationExecutor(empty_database.connection).loader.applied_migrations
    empty_database.connection.close()
    done = {f"{app}_{name}.sql" for app, name in recorded}
    left = [path for path in numbered(files) if path.name[5:] not in done]
    if VENDOR == "sqlite":  # they are in another order than the files
        with pytest.raises(sqlite3.IntegrityError, match="is_not_next"):
            run_by_hand(empty_database, *left)
        call_command("migrate", database=empty_database.alias, verbosity=0)
    else:
        run_by_hand(empty_database, *left)
    assert is_as_migrated(empty_database)


def test_rollback_files_undo_everything(files: Path, empty_database: Database) -> None:
    run_by_hand(empty_database, files / "all.sql")
    run_by_hand(empty_database, *reversed(numbered(files / "rollback")))
    left = empty_database.connection.introspection.table_names()
    assert left == ["django_migrations"]
    empty_database.connection.close()
    run_by_hand(empty_database, files / "all.sql")
    assert is_as_migrated(empty_database)


@pytest.mark.engines("postgresql")
def test_messages_are_put_into_threads_by_hand(files: Path, empty_database: Database) -> None:
    paths = numbered(files)
    last = next(n for n, path in enumerate(paths) if "threads_0001" in path.name)
    run_by_hand(empty_database, *paths[: last + 1])
    with empty_database.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO users (email, password_hash) SELECT n || '@example.com', ''"
            " FROM generate_series(1, 3) AS n"
        )
        cursor.execute(
            "INSERT INTO chat_messages (user_id, role, content) SELECT id, 'user', 'hello'"
            " FROM users, generate_series(1, 700)"
        )
    run_by_hand(empty_database, *paths[last + 1 :])
    with empty_database.connection.cursor() as cursor:
        cursor.execute("SELECT title, message_count FROM threads")
        assert cursor.fetchall() == [("General", 700)] * 3
    assert verify(empty_database.connection, data=True).differences == []


@pytest.mark.engines("postgresql")
def test_file_out_of_turn_says_what_goes_before(files: Path, empty_database: Database) -> None:
    run_by_hand(empty_database, numbered(files)[0])
    late = next(path for path in numbered(files) if "threads_0001" in path.name)
    with pytest.raises(AssertionError, match="goes after"):
        run_by_hand(empty_database, late)


@pytest.mark.django_db
def test_folder_with_something_in_it_is_refused(files: Path) -> None:
    with pytest.raises(CommandError, match="not an empty folder"):
        call_command("exportsql", output=files, verbosity=0)
