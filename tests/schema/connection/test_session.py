"""`migrate` and `verify` whose sessions are limited or ended."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
from django.core.management import CommandError, call_command

from schema.connection.session import migration_session
from schema.drift.verify import verify
from tests.conftest import Database
from tests.schema.processes import run

pytestmark = pytest.mark.engines("postgresql", "older")

# Every function that is made takes longer than the limits below allow.
SLOWLY = """
    CREATE SCHEMA slowly;
    CREATE FUNCTION slowly.wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(0.1);
    END $$;
    CREATE EVENT TRIGGER wait ON ddl_command_end WHEN TAG IN ('CREATE FUNCTION')
        EXECUTE FUNCTION slowly.wait()
"""
LIMITS = [
    "statement_timeout = '50ms'",
    "idle_in_transaction_session_timeout = '50ms'",
    "lock_timeout = '50ms'",
]


@pytest.fixture
def hasty(empty_database: Database) -> Iterator[str]:
    """Return the URL for a role whose sessions get hardly any time."""
    name = empty_database.alias
    with psycopg.connect(empty_database.url, autocommit=True) as owner:
        owner.execute(f'CREATE ROLE "{name}" LOGIN'.encode())
        owner.execute(f'ALTER DATABASE "{name}" OWNER TO "{name}"'.encode())
        for limit in LIMITS:
            owner.execute(f'ALTER ROLE "{name}" SET {limit}'.encode())
        owner.execute(f'GRANT CREATE ON SCHEMA public TO "{name}"'.encode())
        owner.execute(SLOWLY)
        yield empty_database.url.replace("postgres@", f"{name}@", 1)
        owner.execute("DROP SCHEMA slowly CASCADE")
        owner.execute(f'REASSIGN OWNED BY "{name}" TO postgres'.encode())
        owner.execute(f'DROP OWNED BY "{name}"'.encode())
        owner.execute(f'DROP ROLE "{name}"'.encode())


def test_limits_for_the_sites_requests_do_not_cut_migrations_off(
    hasty: str, empty_database: Database
) -> None:
    status, _, err = run(hasty, "migrate", "--patience", "5")
    assert err == ""
    assert status == 0
    with psycopg.connect(hasty) as session:
        assert session.execute("SHOW statement_timeout").fetchone() == ("50ms",)
    assert verify(empty_database.connection).differences == []


def test_limits_are_back_when_migrate_has_ended(empty_database: Database) -> None:
    with empty_database.connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE \"{empty_database.alias}\" SET statement_timeout = '7s'")
    empty_database.connection.close()
    call_command("migrate", "schema", database=empty_database.alias, verbosity=0)
    with empty_database.connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("7s",)


@pytest.mark.parametrize(("allowed", "taken"), [("4", "1"), ("0", "0")])
@pytest.mark.parametrize(
    "setting", ["max_parallel_workers_per_gather", "max_parallel_maintenance_workers"]
)
def test_processors_are_left_to_the_site(
    empty_database: Database, setting: str, allowed: str, taken: str
) -> None:
    with empty_database.connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{empty_database.alias}" SET {setting} = {allowed}')
    empty_database.connection.close()
    with empty_database.connection.cursor() as cursor:
        with migration_session(empty_database.connection):
            cursor.execute(f"SHOW {setting}")
            assert cursor.fetchone() == (taken,)
        cursor.execute(f"SHOW {setting}")
        assert cursor.fetchone() == (allowed,)


def test_the_end_of_the_session_with_the_lock_is_said_in_plain_words(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock goes with it, so `migrate` must not go on; the next one sees to the rest."""

    def end_the_holder(*args: object) -> None:
        with psycopg.connect(empty_database.url, autocommit=True) as administrator:
            administrator.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'migrate, %'"
            )

    with monkeypatch.context() as patch:
        patch.setattr("schema.execution.executor.flush", end_the_holder)
        with pytest.raises(CommandError) as error:
            call_command("migrate", database=empty_database.alias, verbosity=0)
    first, second = str(error.value).splitlines()
    assert first.startswith("Cannot migrate the database ")
    assert "then run migrate again" in second
    call_command("migrate", database=empty_database.alias, verbosity=0)
    assert verify(empty_database.connection).differences == []


def test_a_full_disk_is_named_though_nothing_can_be_looked_into(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("migrate", "personas", "0001", database=empty_database.alias, verbosity=0)

    def full(editor: object) -> None:
        with empty_database.connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE disk_full; END $$")

    def cannot_look(*args: object) -> None:
        full(None)

    monkeypatch.setattr("schema.execution.executor.flush", full)
    monkeypatch.setattr("schema.drift.detector.StateDetector.state", cannot_look)
    with pytest.raises(CommandError) as error:
        call_command("migrate", "personas", database=empty_database.alias, verbosity=0)
    assert str(error.value).splitlines()[-1] == (
        "The server's disk is full: free space, then run migrate again."
    )
    assert not any(thread.name == "blockers" for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("datestyle", "intervalstyle"), [("German", "iso_8601"), ("SQL, DMY", "sql_standard")]
)
def test_formats_of_the_database_do_not_matter(
    empty_database: Database, datestyle: str, intervalstyle: str
) -> None:
    name = empty_database.alias
    with psycopg.connect(empty_database.url, autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE \"{name}\" SET datestyle = '{datestyle}'".encode())
        owner.execute(f"ALTER DATABASE \"{name}\" SET intervalstyle = '{intervalstyle}'".encode())
    for arguments in (["migrate", "schema", "-v0"], ["history"], ["verify"]):
        status, _, err = run(empty_database.url, *arguments)
        assert (status, err) == (0, "")
