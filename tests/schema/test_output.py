"""Commands whose output is closed, full, cut off or of a small encoding."""

import os
import subprocess
import sys

import pytest
from django.db.migrations.recorder import MigrationRecorder

from tests.conftest import ROOT, Database
from tests.schema.conftest import Migrated

pytestmark = pytest.mark.engines("any")

MANAGE = f"{sys.executable} manage.py"


def shell(database: Database, command: str, **environment: str) -> tuple[int, str, str]:
    """Run `command` in a shell; `$manage` is manage.py on the database."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database.url, "manage": MANAGE} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode()


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("$manage history --json | true", 141),
        ("$manage history --json > /dev/full", 1),
        ("$manage history >&-", 0),
        ("$manage verify | true", 141),
        ("$manage verify > /dev/full", 1),
        ("$manage verify --json <&- >&- 2>&-", 0),
        ("$manage migrate --plan > /dev/full", 1),
        ("$manage migrate | true", 0),
        ("$manage migrate > /dev/full", 0),
        ("$manage migrate <&- >&- 2>&-", 0),
        ("$manage showmigrations | true", 141),
        ("$manage showmigrations > /dev/full", 1),
    ],
)
def test_a_command_without_output_ends_plainly(
    migrated: Migrated, command: str, status: int
) -> None:
    migrated.database.connection.close()
    found, out, err = shell(migrated.database, command)
    assert ("Traceback" in err, "Exception ignored" in err, out) == (False, False, "")
    assert found == status


@pytest.mark.parametrize("output", ["| true", "| head -1", "> /dev/full", ">&- 2>&-"])
def test_a_migration_whose_reader_has_gone_is_finished(
    empty_database: Database, output: str
) -> None:
    _, _, err = shell(empty_database, f"$manage migrate chat 0001 {output}")
    assert "Traceback" not in err
    applied = MigrationRecorder(empty_database.connection).applied_migrations()
    assert ("chat", "0001_chat_history") in applied


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_a_name_that_the_encoding_lacks_is_written_with_replacements(
    migrated: Migrated, encoding: str
) -> None:
    migrated.run(['ALTER TABLE threads RENAME COLUMN title TO "題名"'])
    migrated.database.connection.close()
    environment = {"PYTHONIOENCODING": f"{encoding}:strict", "PYTHONUTF8": "0"}
    status, out, err = shell(migrated.database, "$manage verify", **environment)
    assert (status, "Traceback" in err) == (1, False)
    assert "column threads.title: " in out


def test_a_rollback_without_stdin_is_refused(migrated: Migrated) -> None:
    with migrated.database.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO users (email, name, password_hash) VALUES ('alice@example.com', '', '')"
        )
        cursor.execute(
            "INSERT INTO chat_messages (user_id, role, content) SELECT id, 'user', 'x' FROM users"
        )
    migrated.database.connection.close()
    status, out, err = shell(migrated.database, "$manage migrate chat zero <&-")
    assert (status, "Traceback" in err) == (5, False)
    assert "This rollback loses:" in out
