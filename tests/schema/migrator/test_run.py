"""`migrate` as an operator meets it."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder

from schema.history.status import known_migrations
from tests.conftest import Database
from tests.schema.processes import ROOT


def migrate(database: Database, *arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("migrate", *arguments, database=database.alias, stdout=out, **options)
    return out.getvalue()


def summary(output: str) -> list[str]:
    lines = output.split("-" * 60)[1].split("\n")
    return [line.split()[0] for line in lines if line.strip()]


def test_migrate_ends_with_a_summary_of_this_projects_migrations(empty_database: Database) -> None:
    output = migrate(empty_database)
    names = summary(output)
    assert names[:4] == [
        "schema.0001_initial",
        "schema.0002_run_changes",
        "schema.0003_kept_objects",
        "schema.0004_pauses",
    ]
    assert f"Total migrations: {len(names)}" in output
    assert "createsuperuser" in output
    ours = [f"{app}.{name}" for app, name in known_migrations() if app in APPS]
    assert sorted(names) == sorted(ours)


APPS = {"schema", "users", "personas", "threads", "chat", "api"}


def test_migrate_shows_each_migration_with_its_duration(empty_database: Database) -> None:
    lines = migrate(empty_database).splitlines()
    pattern = r"  applied \w+\.\w+ \(\d+ ms\)|  applied \w+\.\w+ \(\d+\.\d s\)"
    applied = [line for line in lines if re.fullmatch(pattern, line)]
    assert lines[0] == f"Running {len(applied)} migrations:"
    assert applied[0].startswith("  applied schema.0001_initial (")


def test_migrate_leaves_one_line_a_migration_on_a_terminal(empty_database: Database) -> None:
    """What it says in between is taken away again, and a step with no row leaves no bar."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "migrate", "--no-color"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": empty_database.url},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # the end of a terminal whose program has ended
        while part := os.read(ours, 65536):
            said += part
    os.close(ours)
    assert process.wait() == 0
    assert b"applying chat.0001_chat_history ..." in said
    left = [line.rpartition("\r\033[K")[2] for line in said.decode().split("\r\n")]
    shown = left[1 : left.index("")]
    assert left[0] == f"Running {len(shown)} migrations:"
    assert [line for line in shown if not line.startswith("  applied ")] == []


def test_migrate_with_nothing_pending_says_so_and_still_sums_up(empty_database: Database) -> None:
    first = migrate(empty_database)
    second = migrate(empty_database)
    assert second.splitlines()[0] == "Nothing to do: every migration is applied already."
    assert summary(second) == summary(first)
    assert "createsuperuser" not in second


def test_migrate_in_json_prints_one_object_a_line(empty_database: Database) -> None:
    events = [json.loads(line) for line in migrate(empty_database, as_json=True).splitlines()]
    # How far the data steps have come is told now and then.
    kinds = [event["event"] for event in events if event["event"] != "progress"]
    count = kinds.count("migrated")
    assert kinds == ["plan", *["migrated"] * count, "summary", "next_steps"]
    assert len(events[0]["migrations"]) == count
    assert events[1]["migration"] == "schema.0001_initial"
    assert events[1]["seconds"] >= 0


@pytest.mark.parametrize("option", ["plan", "check_unapplied"])
def test_what_would_be_done_is_one_object_in_json(empty_database: Database, option: str) -> None:
    migrate(empty_database, "personas", "0001", verbosity=0)
    out = StringIO()
    try:
        call_command(
            "migrate",
            "personas",
            "zero",
            database=empty_database.alias,
            stdout=out,
            as_json=True,
            **{option: True},
        )
        status: Any = 0
    except SystemExit as end:
        status = end.code
    [event] = [json.loads(line) for line in out.getvalue().splitlines()]
    assert status == (0 if option == "plan" else 1)
    assert (event["event"], event["direction"]) == ("plan", "backwards")
    assert event["migrations"] == ["personas.0001_personas"]
    assert event["operations"]["personas.0001_personas"][0] == "Undo Create model Persona"
    assert "personas" in empty_database.connection.introspection.table_names()


@pytest.mark.parametrize("error", [OperationalError("gone"), ValueError("a fault")])
def test_every_failure_is_an_event_in_json(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: Any) -> None:
        raise error

    monkeypatch.setattr("schema.migrator.run.Migrator._look_back", fail)
    out = StringIO()
    kind = CommandError if isinstance(error, OperationalError) else ValueError
    with pytest.raises(kind, match=str(error)):
        call_command("migrate", database=empty_database.alias, as_json=True, stdout=out)
    [event] = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (event["event"], event["exit_status"]) == ("failed", 1)
    assert str(error) in event["message"]


def test_stopped_from_the_keyboard_it_says_how_to_go_on(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("schema.execution.executor.flush", stop)
    with pytest.raises(CommandError, match="The next run resumes") as error:
        migrate(empty_database)
    assert error.value.returncode == 130
    monkeypatch.undo()
    assert "applied schema.0001_initial" in migrate(empty_database)


@pytest.mark.parametrize(
    "option",
    [
        "--lock-timeout=-1",
        "--patience=inf",
        "--wait=nan",
        "--table-lock-timeout=0.4",  # PostgreSQL would make 0 of it: no limit
    ],
)
def test_numbers_that_mean_nothing_are_refused(empty_database: Database, option: str) -> None:
    with pytest.raises(CommandError, match=r"must be a number, [01] or more"):
        call_command("migrate", option, database=empty_database.alias)


def test_what_is_faked_is_said_and_stands_in_the_history(empty_database: Database) -> None:
    migrate(empty_database, "personas", "0001")
    back = migrate(empty_database, "personas", "zero", fake=True).splitlines()
    assert back[0] == "Faking the rollback of 1 migration:"
    assert back[1].startswith("  faked personas.0001_personas (")
    there = migrate(empty_database, "personas", "0001", fake=True).splitlines()
    assert there[0] == "Faking 1 migration:"
    out = StringIO()
    call_command("history", database=empty_database.alias, stdout=out)
    runs = out.getvalue().splitlines()[-2:]
    assert [" with --fake on " in run for run in runs] == [True, True]
    assert "personas.0001_personas  backwards  succeeded" in runs[0]
    assert "personas.0001_personas  forwards  succeeded" in runs[1]


def test_migrate_says_nothing_with_verbosity_0(empty_database: Database) -> None:
    assert migrate(empty_database, verbosity=0) == ""


def test_migrate_check_exits_1_while_something_is_pending(empty_database: Database) -> None:
    with pytest.raises(SystemExit) as exit_:
        migrate(empty_database, check_unapplied=True)
    assert exit_.value.code == 1
    migrate(empty_database)
    assert migrate(empty_database, check_unapplied=True) == ""


def test_migrate_plan_changes_nothing(empty_database: Database) -> None:
    assert "chat.0001_chat_history" in migrate(empty_database, plan=True)
    assert empty_database.connection.introspection.table_names() == []


def test_migrate_goes_on_when_nobody_reads_along_any_more(empty_database: Database) -> None:
    class Broken(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    call_command("migrate", database=empty_database.alias, stdout=Broken())
    assert migrate(empty_database).startswith("Nothing to do")


def test_history_itself_is_migrated_to_the_migration_that_is_named(
    empty_database: Database,
) -> None:
    for name in ("0001_initial", "0002_run_changes"):
        call_command("migrate", "schema", name, database=empty_database.alias, verbosity=0)
        applied = MigrationRecorder(empty_database.connection).applied_migrations()
        assert max(one for app, one in applied if app == "schema") == name
