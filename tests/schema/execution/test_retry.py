"""Migrations beside live traffic: they give way, name the blocking sessions, and give up."""

import threading
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from schema.models import MigrationRun
from tests.conftest import Database

pytestmark = pytest.mark.engines("postgresql")


class Crowd(threading.Thread):
    """Another program that keeps a table locked until told to let go."""

    def __init__(self, database: Database, table: str) -> None:
        super().__init__()
        self.database, self.table = database, table
        self.locked, self.let_go = threading.Event(), threading.Event()

    def run(self) -> None:
        with psycopg.connect(self.database.url, application_name="the site") as connection:
            connection.execute(f"SELECT count(*) FROM {self.table}".encode())
            self.locked.set()
            self.let_go.wait(30)


@pytest.fixture
def at_personas(empty_database: Database) -> Database:
    call_command("migrate", "personas", "0001", database=empty_database.alias, verbosity=0)
    call_command("migrate", "chat", "0001", database=empty_database.alias, verbosity=0)
    return empty_database


class LetsGo(StringIO):
    """Output that releases the table once a line about the wait was written."""

    def __init__(self, crowd: Crowd) -> None:
        super().__init__()
        self.crowd = crowd

    def write(self, text: str) -> int:
        if "waits for a lock" in text:
            self.crowd.let_go.set()
        return super().write(text)


def test_migrate_steps_back_names_whom_it_waits_for_and_succeeds(at_personas: Database) -> None:
    crowd = Crowd(at_personas, "personas")
    crowd.start()
    crowd.locked.wait(10)
    out = LetsGo(crowd)
    call_command("migrate", "personas", database=at_personas.alias, stdout=out)
    crowd.join()
    waits = [line for line in out.getvalue().splitlines() if "waits for a lock" in line]
    assert waits[0].startswith("  personas.0002_multi_persona waits for a lock of backend ")
    assert "user postgres, the site, from 127.0.0.1, idle in transaction, query since " in waits[0]
    assert "(attempt 1 gave way, the next in " in waits[0]
    assert "applied personas.0002_multi_persona" in out.getvalue()


def test_migrate_gives_up_after_its_patience_with_nothing_half_done(at_personas: Database) -> None:
    crowd = Crowd(at_personas, "personas")
    crowd.start()
    crowd.locked.wait(10)
    try:
        with pytest.raises(CommandError) as error:
            call_command(
                "migrate", "personas", database=at_personas.alias, verbosity=0, patience=0.3
            )
    finally:
        crowd.let_go.set()
        crowd.join()
    assert error.value.returncode == 4
    _, waited, *rest = str(error.value).splitlines()
    assert waited.startswith("It waited for backend ")
    assert rest == [
        "Nothing of it remains; the migrations before it are done.",
        "Other sessions held their locks: try again at a quieter time, or raise --patience.",
    ]
    with connections[at_personas.alias].cursor() as cursor:
        table = at_personas.connection.introspection.get_table_description(cursor, "personas")
        assert "color" not in {column.name for column in table}
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
    assert "failed while applying it: " in str(error.value)
    last = MigrationRun.objects.using(at_personas.alias).latest("id")
    assert (last.name, last.outcome) == ("0002_multi_persona", MigrationRun.Outcome.FAILED)


def test_a_rollback_that_gives_up_says_so(at_personas: Database) -> None:
    crowd = Crowd(at_personas, "chat_messages")
    crowd.start()
    crowd.locked.wait(10)
    try:
        with pytest.raises(CommandError) as error:
            call_command(
                "migrate", "chat", "zero", database=at_personas.alias, verbosity=0, patience=0
            )
    finally:
        crowd.let_go.set()
        crowd.join()
    assert error.value.returncode == 4
    assert "chat.0001_chat_history failed while rolling it back: " in str(error.value)
