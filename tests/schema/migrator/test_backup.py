"""A backup before the first change; its restore is run as it is printed."""

import os
import sqlite3
import stat
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder

from schema.drift.verify import verify
from schema.introspection.catalog import Catalog
from tests import postgres
from tests.conftest import Database
from tests.schema.conftest import Migrated, MigratedTo
from tests.schema.processes import run

ADD_USER = "INSERT INTO users (email, name, password_hash) VALUES ('{0}@example.com', '{0}', 'x')"


def search_path() -> str:
    """Return a PATH that leads to pg_dump and its like of the server's version."""
    chosen = os.environ["TEST_ENGINE"]
    programs: Path | str = chosen
    if not Path(chosen, "pg_dump").exists():
        programs = postgres.embedded(postgres.EMBEDDED.get(chosen, "pginstall18")) / "bin"
    return f"{programs}:{os.environ['PATH']}"


@pytest.fixture(autouse=True)
def client_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find the programs of the server's version."""
    monkeypatch.setenv("PATH", search_path())


@pytest.fixture
def programs_of_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the programs that Debian installs beside the search path."""
    monkeypatch.setattr("schema.migrator.backup._programs", lambda connection: "")


def emails(database: Database) -> list[str]:
    with database.connection.cursor() as cursor:
        cursor.execute("SELECT email FROM users ORDER BY email")
        return [email for (email,) in cursor.fetchall()]


def restore(command: str, **environment: str) -> tuple[int, str]:
    """Run the printed command; return its status and errors."""
    done = subprocess.run(
        ["bash", "-c", command.strip()],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def migrate(database: Database, *arguments: str, backup: Path | str) -> str:
    out = StringIO()
    call_command("migrate", *arguments, database=database.alias, backup=str(backup), stdout=out)
    return out.getvalue()


@pytest.mark.engines("sqlite", "postgresql", "older")
def test_a_backup_restores_what_was_there(
    migrated_to: MigratedTo, template: tuple[Database, Catalog], tmp_path: Path
) -> None:
    migrated = Migrated(migrated_to("chat", "0001"), template[1])
    database = migrated.database
    migrated.run([ADD_USER.format("alice")])
    lines = migrate(database, backup=tmp_path / "kept").splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("Backup: "))
    assert lines[place].endswith("To restore it, stop the site and run:")
    files = list((tmp_path / "kept").iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    migrated.run([ADD_USER.format("bob")])
    database.connection.close()

    assert restore(lines[place + 1]) == (0, "")
    assert emails(database) == ["alice@example.com"]
    applied = MigrationRecorder(database.connection).applied_migrations()
    assert ("chat", "0002_thread_link") not in applied
    assert verify(database.connection).differences == []
    call_command("migrate", database=database.alias, verbosity=0)
    assert migrated.differences() == []


@pytest.mark.engines("postgresql", "older")
def test_a_restore_brings_every_schema_back(empty_database: Database, tmp_path: Path) -> None:
    """The tables lie where the URL says, and somebody else's refer to them.

    The variables of the shell that restores lead to another schema, server and database.
    """
    with psycopg.connect(empty_database.url, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA chat_app")
        owner.execute(
            f'ALTER DATABASE "{empty_database.alias}" SET search_path = "Chat app"'.encode()
        )
    options = empty_database.connection.settings_dict["OPTIONS"]
    options["options"] = "-c search_path=chat_app"
    call_command("migrate", "chat", "0001", database=empty_database.alias, verbosity=0)
    with empty_database.connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA reports")
        cursor.execute("CREATE TABLE reports.people (id uuid REFERENCES users (id))")
        cursor.execute(ADD_USER.format("alice"))
        cursor.execute("INSERT INTO reports.people SELECT id FROM users")
    empty_database.connection.close()
    in_url = f"{empty_database.url}?currentSchema=chat_app"
    status, out, _ = run(in_url, "migrate", "personas", f"--backup={tmp_path / 'kept'}")
    assert status == 0
    lines = out.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("Backup: "))
    wrong = {"PGOPTIONS": "-c search_path=public", "PGPORT": "1", "PGDATABASE": "postgres"}
    for _ in range(2):
        assert restore(lines[place + 1], **wrong) == (0, "")
    assert emails(empty_database) == ["alice@example.com"]
    with empty_database.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM reports.people JOIN users USING (id)")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT to_regclass('threads'), to_regclass('public.users')")
        assert cursor.fetchone() == (None, None)
    assert verify(empty_database.connection).differences == []


def test_nothing_to_do_needs_no_backup(migrated: Migrated, tmp_path: Path) -> None:
    assert "Backup" not in migrate(migrated.database, backup=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_failed_backup_stops_the_run(empty_database: Database, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    with pytest.raises(CommandError, match="The backup failed: ") as error:
        migrate(empty_database, backup=in_the_way)
    assert str(error.value).splitlines()[1].startswith("Nothing was changed. Check the disk")
    assert "users" not in empty_database.connection.introspection.table_names()


@pytest.mark.usefixtures("programs_of_the_path")
def test_a_backup_that_breaks_off_leaves_nothing(
    empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if empty_database.connection.vendor == "postgresql":
        programs = program(tmp_path / "bin", "pg_restore", "echo not a dump >&2; exit 1")
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        said = "not a dump"
    else:
        real = sqlite3.connect

        class Full(sqlite3.Connection):
            def execute(self, *args: Any) -> sqlite3.Cursor:
                raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(
            "schema.migrator.backup.sqlite3.connect", lambda path: real(path, factory=Full)
        )
        said = "database or disk is full"
    with pytest.raises(CommandError, match=f"The backup failed: {said}"):
        migrate(empty_database, backup=tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []
    assert "users" not in empty_database.connection.introspection.table_names()


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir()
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return folder


@pytest.mark.usefixtures("programs_of_the_path")
@pytest.mark.engines("postgresql")
def test_a_pg_dump_older_than_the_server_is_named(
    empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = program(tmp_path / "bin", "pg_dump", "echo 'pg_dump (PostgreSQL) 9.6.1'")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with pytest.raises(CommandError, match="pg_dump is of PostgreSQL 9, the server is ") as error:
        migrate(empty_database, backup=tmp_path / "kept")
    assert "Install PostgreSQL's client programs of version " in str(error.value)


@pytest.mark.usefixtures("programs_of_the_path")
@pytest.mark.engines("postgresql")
def test_a_missing_pg_dump_is_named(
    empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="The backup failed: pg_dump is not installed"):
        migrate(empty_database, backup=tmp_path / "kept")
