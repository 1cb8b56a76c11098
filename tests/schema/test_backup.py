"""A backup before the first change; its restore is run as it is printed."""

import os
import stat
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder

from schema.verification import verify
from tests import postgres
from tests.conftest import Database
from tests.schema.conftest import Migrated

ADD_USER = "INSERT INTO users (email, name, password_hash) VALUES ('{0}@example.com', '{0}', 'x')"


@pytest.fixture(autouse=True)
def client_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find pg_dump and its like of the server's version."""
    chosen = os.environ["TEST_ENGINE"]
    programs = postgres.embedded(postgres.EMBEDDED.get(chosen, "pginstall18")) / "bin"
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


def emails(database: Database) -> list[str]:
    with database.connection.cursor() as cursor:
        cursor.execute("SELECT email FROM users ORDER BY email")
        return [email for (email,) in cursor.fetchall()]


def migrate(database: Database, *arguments: str, backup: Path | str) -> str:
    out = StringIO()
    call_command("migrate", *arguments, database=database.alias, backup=str(backup), stdout=out)
    return out.getvalue()


@pytest.mark.every_server
def test_a_backup_restores_what_was_there(migrated: Migrated, tmp_path: Path) -> None:
    database = migrated.database
    call_command("migrate", "chat", "0001", database=database.alias, verbosity=0)
    migrated.run([ADD_USER.format("alice")])
    lines = migrate(database, backup=tmp_path / "kept").splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("Backup: "))
    assert lines[place].endswith("To restore it, stop the site and run:")
    [file] = (tmp_path / "kept").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    migrated.run([ADD_USER.format("bob")])
    database.connection.close()

    restore = subprocess.run(
        ["bash", "-c", lines[place + 1].strip().replace("$DATABASE_URL", database.url)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (restore.returncode, restore.stderr) == (0, "")
    assert emails(database) == ["alice@example.com"]
    applied = MigrationRecorder(database.connection).applied_migrations()
    assert ("chat", "0002_thread_link") not in applied
    assert verify(database.connection).differences == []
    call_command("migrate", database=database.alias, verbosity=0)
    assert migrated.differences() == []


def test_nothing_to_do_needs_no_backup(migrated: Migrated, tmp_path: Path) -> None:
    assert "Backup" not in migrate(migrated.database, backup=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_failed_backup_stops_the_run(empty_database: Database, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    with pytest.raises(CommandError, match="The backup failed: ") as error:
        migrate(empty_database, backup=in_the_way)
    assert str(error.value).splitlines()[1].startswith("Nothing was changed. See to the disk")
    assert "users" not in empty_database.connection.introspection.table_names()


@pytest.mark.postgresql
def test_a_missing_pg_dump_is_named(
    empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="The backup failed: pg_dump is not installed"):
        migrate(empty_database, backup=tmp_path / "kept")
