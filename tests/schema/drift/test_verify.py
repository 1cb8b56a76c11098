"""The `verify` command, as the operator runs it."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from schema.introspection.changes import changes, server_of, to_json
from schema.introspection.read import read_catalog
from schema.models import MigrationRun
from tests import postgres
from tests.conftest import Database
from tests.schema.conftest import Migrated

ROOT = Path(__file__).parent.parent.parent.parent


def verify(database: Database, **options: Any) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("verify", database=database.alias, stdout=out, no_color=True, **options)
    except CommandError as error:
        return error.returncode, out.getvalue()
    return 0, out.getvalue()


def in_a_process(url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "verify", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_clean_database_has_no_differences(migrated: Migrated) -> None:
    status, out = verify(migrated.database, data=True)
    assert status == 0
    assert out.splitlines()[-1] == "No differences."


def test_verify_runs_by_itself(migrated: Migrated) -> None:
    migrated.run(["DROP INDEX threads_persona_idx"])
    done = in_a_process(migrated.database.url)
    assert done.returncode == 1
    assert done.stdout.startswith("index threads.threads_persona_idx: expected INDEX ON threads")
    assert done.stderr == "CommandError: 1 difference\n"


def test_json_holds_all_that_was_found(migrated: Migrated) -> None:
    assert json.loads(verify(migrated.database, as_json=True)[1])["status"] == "clean"
    migrated.run(["DROP INDEX threads_persona_idx"])
    status, out = verify(migrated.database, as_json=True)
    facts = json.loads(out)
    assert status == 1
    assert facts["status"] == "different"
    assert [one["object"] for one in facts["differences"]] == ["index threads.threads_persona_idx"]
    assert facts["differences"][0]["found"] == "missing"
    assert facts["differences"][0]["repair"]


def test_sql_repairs_what_differs_but_for_what_cannot_be_run(migrated: Migrated) -> None:
    migrated.run(
        [
            "DROP INDEX threads_persona_idx",
            "ALTER TABLE users DROP COLUMN is_staff",
            "DROP TABLE django_session",
            "CREATE VIEW django_session AS SELECT 1 AS one",
        ]
    )
    status, out = verify(migrated.database, as_sql=True)
    assert status == 1
    reason = {
        "postgresql": 'relation "django_session" already exists.',
        "sqlite": 'view "django_session" already exists',
    }[migrated.database.connection.vendor]
    comments = [line for line in out.splitlines() if line.startswith("-- ")]
    assert comments[0] == f"-- table django_session: this SQL cannot be run: {reason}"
    assert comments[1].startswith('-- CREATE TABLE "django_session" (')
    if migrated.database.connection.vendor == "postgresql":
        psql = [str(postgres.embedded() / "bin" / "psql"), "-X", "-v", "ON_ERROR_STOP=1"]
        subprocess.run(
            [*psql, migrated.database.url], input=out, text=True, check=True, capture_output=True
        )
    else:
        with closing(sqlite3.connect(migrated.database.url.removeprefix("sqlite:///"))) as file:
            file.executescript(out)
    migrated.run(["DROP VIEW django_session"])
    status, out = verify(migrated.database, as_sql=True)
    assert out.startswith('CREATE TABLE "django_session"')
    migrated.run(out.strip().removesuffix(";").split(";\n"))
    assert verify(migrated.database)[0] == 0


def test_empty_database_differs_in_nothing(empty_database: Database) -> None:
    status, out = verify(empty_database)
    assert status == 0
    assert "Not applied yet" in out
    assert "chat.0001_chat_history" in out


def test_unapplied_and_unknown_migrations_are_named(migrated: Migrated) -> None:
    call_command("migrate", "chat", "0003", database=migrated.database.alias, verbosity=0)
    migrated.run(
        ["INSERT INTO django_migrations (app, name, applied) VALUES ('chat', '0999_x', '2024-1-1')"]
    )
    status, out = verify(migrated.database)
    assert status == 0
    assert "chat.0004_thread_index" in out
    assert "chat.0999_x: applied, but it has no file here" in out


def test_edited_migration_is_named(migrated: Migrated) -> None:
    MigrationRun.objects.using(migrated.database.alias).filter(
        app="threads", name="0001_threads"
    ).update(checksum="0" * 64)
    status, out = verify(migrated.database)
    assert status == 0
    assert "threads.0001_threads: its file was edited after it was applied" in out


def test_run_that_has_not_ended_is_named(migrated: Migrated) -> None:
    MigrationRun.objects.using(migrated.database.alias).create(
        app="chat", name="0999_x", direction="forwards", operator="", host="", checksum=""
    )
    status, out = verify(migrated.database)
    assert status == 0
    assert "chat.0999_x: a migrate is at work on it, or was killed" in out


def test_long_definitions_are_cut_about_where_they_part(migrated: Migrated) -> None:
    trigger = migrated.expected.tables["chat_messages"].triggers["chat_messages_count_delete"]
    if migrated.database.connection.vendor == "postgresql":
        function = migrated.expected.functions["chat_messages_count_delete()"].definition
        migrated.run([function.replace("message_count - change.messages", "message_count - 1")])
    else:
        body = trigger.sql.replace("message_count - 1", "message_count - 2")
        migrated.run([f"DROP TRIGGER {trigger.name}", body])
    status, out = verify(migrated.database)
    assert status == 1
    line = out.splitlines()[0]
    assert "message_count - " in line
    assert len(line) < 500


@pytest.mark.parametrize("as_json", [False, True])
def test_database_that_is_not_there_could_not_be_checked(vendor: str, as_json: bool) -> None:
    url = "sqlite:////nowhere/at/all.sqlite3"
    if vendor == "postgresql":
        url = "postgresql://alice:secret@127.0.0.1:9/twinthread"
    done = in_a_process(url, *(["--json"] if as_json else []))
    assert done.returncode == 2
    assert "Cannot connect" in (done.stdout if as_json else done.stderr)
    assert "secret" not in done.stdout + done.stderr
    if as_json:
        assert json.loads(done.stdout)["status"] == "not checked"


@pytest.mark.engines("postgresql")
def test_role_that_may_not_create_a_schema_compares_with_the_records(migrated: Migrated) -> None:
    name = migrated.database.alias
    migrated.run(
        [
            f"CREATE ROLE {name}_reader LOGIN PASSWORD 'secret'",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}_reader",
        ]
    )
    url = migrated.database.url.replace("//postgres@", f"//{name}_reader:secret@")
    grant = f'GRANT CREATE ON DATABASE "{name}" TO "{name}_reader"'
    try:
        done = in_a_process(url)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Compared with the records of the runs alone." in done.stdout
        migrated.run(["DROP INDEX threads_persona_idx"])
        done = in_a_process(url)
        assert done.returncode == 2
        assert f"{grant};" in done.stderr
        assert "secret" not in done.stdout + done.stderr
        migrated.run([grant])
        done = in_a_process(url)
        assert (done.returncode, done.stderr) == (1, "CommandError: 1 difference\n")
    finally:
        migrated.run([f"DROP OWNED BY {name}_reader", f"DROP ROLE {name}_reader"])


def test_functions_of_a_newer_release_are_not_put_back(migrated: Migrated) -> None:
    """The code at hand does not know what the newer migration made; its record does."""
    made = {
        "postgresql": "CREATE OR REPLACE FUNCTION chat_messages_count_delete() RETURNS trigger"
        " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "sqlite": "DROP TRIGGER chat_messages_count_delete",
    }
    connection = migrated.database.connection
    before = read_catalog(connection)
    migrated.run(
        [
            made[connection.vendor],
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('chat', '9999_newer', '2030-01-01')",
        ]
    )
    status, out = verify(migrated.database, as_json=True)
    facts = json.loads(out)
    assert (status, facts["newer"]) == (1, ["chat.9999_newer"])
    assert [one["repair"] for one in facts["differences"]] == [[]]
    document = to_json(changes(before, read_catalog(connection)), server_of(connection))
    MigrationRun.objects.using(migrated.database.alias).create(
        app="chat",
        name="9999_newer",
        direction=MigrationRun.Direction.FORWARDS,
        outcome=MigrationRun.Outcome.SUCCEEDED,
        operator="",
        host="",
        checksum="",
        changes=document,
    )
    status, out = verify(migrated.database)
    assert (status, out.splitlines()[-1]) == (0, "No differences.")
    assert "A newer release applied migrations that this one does not have." in out


@pytest.mark.engines("postgresql")
def test_standby_is_named_as_the_reason(migrated: Migrated) -> None:
    url = f"{migrated.database.url}?options=-c%20default_transaction_read_only%3Don"
    done = in_a_process(url)
    assert done.returncode == 2
    assert "The server is read-only (a standby?)" in done.stderr


@pytest.mark.engines("postgresql")
def test_verify_waits_for_no_lock_of_live_tables(migrated: Migrated) -> None:
    url = migrated.database.url
    with migrated.database.connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE users, threads, chat_messages IN SHARE UPDATE EXCLUSIVE MODE")
        done = in_a_process(f"{url}?options=-c%20lock_timeout%3D1000")
        cursor.execute("ROLLBACK")
    assert (done.returncode, done.stderr) == (0, "")
