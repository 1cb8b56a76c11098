"""An owner's event trigger, and a database that was dumped from an older server."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django import DjangoDbBlocker

from config import environment
from schema.introspection.changes import server_of
from schema.introspection.read import read_catalog
from schema.models import MigrationRun
from tests import postgres
from tests.conftest import Database, new_database
from tests.schema.conftest import Migrated
from tests.schema.drift.test_verify import verify
from tests.schema.zoo.conftest import EVERYWHERE, POSTGRESQL, Zoo, as_default, clean

# As an auditor may have it: the name of the log is looked up in the search path.
EVENT_TRIGGER = [
    "CREATE TABLE ddl_log (id serial, tag text)",
    "CREATE FUNCTION log_ddl() RETURNS event_trigger LANGUAGE plpgsql"
    " AS 'BEGIN INSERT INTO ddl_log (tag) VALUES (tg_tag); END'",
    "CREATE EVENT TRIGGER log_ddl ON ddl_command_end EXECUTE FUNCTION log_ddl()",
]


@pytest.mark.engines("postgresql")
def test_event_trigger_sees_what_is_migrated_and_no_look(
    migrated: Migrated, tmp_path: Path
) -> None:
    migrated.run(EVENT_TRIGGER)
    database = migrated.database

    def logged() -> tuple[int, int]:
        """Return how many changes are in the log, and the last number that one of them took."""
        with database.connection.cursor() as cursor:
            cursor.execute("SELECT count(*), (SELECT last_value FROM ddl_log_id_seq) FROM ddl_log")
            count, last = cursor.fetchone()
        return int(count), int(last)

    assert (verify(database)[0], logged()) == (0, (0, 1))
    migrated.run(["DROP INDEX threads_persona_idx"])
    assert (verify(database, as_sql=True)[0], logged()) == (1, (1, 1))
    migrated.repair()
    before = logged()
    assert before == (2, 2)
    call_command("exportsql", database=database.alias, output=tmp_path / "sql", verbosity=0)
    assert (verify(database)[0], logged()) == (0, before)
    call_command(
        "migrate",
        "chat",
        "0003",
        database=database.alias,
        verbosity=0,
        interactive=False,
        accept_data_loss=True,
    )
    back = logged()
    call_command("migrate", database=database.alias, verbosity=0)
    forth = logged()
    assert before[0] < back[0] < forth[0]
    assert (verify(database)[0], logged()) == (0, forth)


@pytest.fixture
def older(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Zoo]:
    """Return a zoo on the older server, of the apps that need no extension."""
    with django_db_blocker.unblock(), new_database(tmp_path) as database:
        yield from as_default(database, [*EVERYWHERE, *POSTGRESQL])


@pytest.mark.engines("postgresql", "older")
def test_records_hold_on_a_newer_server(older: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dump holds the records; the newer server reads their definitions anew."""
    older.migrate()
    clean(older)
    server_there = server_of(older.database.connection)
    table = read_catalog(older.database.connection).tables["swappable_visit"]
    written = table.constraint("visit_means")
    runs = MigrationRun.objects.exclude(changes=None).order_by("id")
    records = list(runs.values_list("app", "name", "changes"))
    programs = postgres.embedded() / "bin"
    dump = subprocess.run(
        [str(programs / "pg_dump"), older.database.url], check=True, capture_output=True
    ).stdout
    newer = postgres.start("postgresql")
    with psycopg.connect(newer, autocommit=True) as server:
        server.execute("CREATE DATABASE restored")
        assert server.info.server_version // 10000 == 18
    url = newer.removesuffix("/postgres") + "/restored"
    psql = [str(programs / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", url]
    subprocess.run(psql, input=dump, check=True, capture_output=True)
    monkeypatch.setenv("DATABASE_URL", url)
    connections["default"].close()
    settings = environment.database("DATABASE_URL", default="")
    connections["default"].settings_dict.update(settings)
    restored = Zoo(Database("default", url), older.apps)
    assert list(runs.all().values_list("app", "name", "changes")) == records
    assert {document["server"] for _, _, document in records if document} == {server_there}
    table = read_catalog(restored.database.connection).tables["swappable_visit"]
    assert table.constraint("visit_means") != written
    clean(restored)
    restored.execute(["ALTER TABLE plain_connection_cage DROP COLUMN note"])
    status, output = restored.look("verify")
    assert (status, output.splitlines()[0].partition(":")[0]) == (
        1,
        "column plain_connection_cage.note",
    )
    restored.migrate("chat", "0003")
    restored.migrate("plain_objects", "zero")
