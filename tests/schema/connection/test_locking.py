"""One migrator at a time, and the others wait."""

import json
import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper

from schema.connection.locking import migration_lock
from schema.introspection.read import read_catalog
from schema.report import Report
from tests.conftest import Database
from tests.schema.conftest import Migrated
from tests.schema.processes import start

PROCESSES = 4  # tests.faults.concurrent starts ten, twenty times


def test_processes_migrate_one_empty_database(empty_database: Database, migrated: Migrated) -> None:
    processes = [start(empty_database.url, "migrate", "--json") for _ in range(PROCESSES)]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in processes]
    assert [(err, status) for _, err, status in ended] == [("", 0)] * PROCESSES
    events = [[json.loads(line)["event"] for line in out.splitlines()] for out, _, _ in ended]
    assert sum("nothing_to_do" in kinds for kinds in events) == PROCESSES - 1
    found = read_catalog(empty_database.connection)
    assert found == read_catalog(migrated.database.connection)


def report() -> tuple[Report, StringIO]:
    out = StringIO()
    return Report(OutputWrapper(out)), out


def test_migrate_gives_up_when_another_holds_the_lock_too_long(migrated: Migrated) -> None:
    database = migrated.database
    out = StringIO()
    with (
        migration_lock(database.connection, report()[0], patience=0),
        pytest.raises(CommandError) as error,
    ):
        call_command("migrate", database=database.alias, lock_timeout=0.2, stdout=out)
    assert error.value.returncode == 3
    assert out.getvalue().startswith("Another migrate is running (")
    assert "process " in out.getvalue()
    assert str(error.value).startswith("Another migrate is still running (")


def test_migrate_goes_on_when_the_lock_is_free_again(migrated: Migrated) -> None:
    database, free = migrated.database, threading.Event()

    class Frees(StringIO):
        def write(self, text: str) -> int:
            if "Another migrate is running" in text:
                free.set()
            return super().write(text)

    def hold() -> None:
        with migration_lock(database.connection.copy(), report()[0], patience=0):
            held.set()
            free.wait(30)

    held = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    out = Frees()
    call_command("migrate", database=database.alias, stdout=out)
    holder.join()
    assert "Nothing to do: every migration is applied already." in out.getvalue()


def test_check_and_plan_do_not_wait(migrated: Migrated) -> None:
    database = migrated.database
    with migration_lock(database.connection, report()[0], patience=0):
        out = StringIO()
        call_command("migrate", database=database.alias, plan=True, stdout=out, lock_timeout=0)
        call_command("migrate", database=database.alias, check_unapplied=True, lock_timeout=0)
    assert out.getvalue() == "Planned operations:\n  No planned migration operations.\n"
