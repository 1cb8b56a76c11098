"""What a role, a database or a publication does not let a migration do is said beforehand."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import Error, IntegrityError
from pytest_django import DjangoDbBlocker

from schema.connection.errors import explained
from tests.conftest import Database
from tests.engine import url
from tests.schema.adoption.accounting import all_rows, fetch
from tests.schema.conftest import Migrated
from tests.schema.processes import run

pytestmark = pytest.mark.engines("postgresql", "older")

OBJECTS = "SELECT oid, relname::text, relkind::text FROM pg_class ORDER BY oid"
FORBID = [
    "CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql"
    " AS $$ BEGIN RAISE 'no changes on a Friday'; END $$",
    "CREATE EVENT TRIGGER no_changes ON ddl_command_start {when} EXECUTE FUNCTION forbid()",
]


@contextmanager
def role(database: Database, options: str = "", **settings: str) -> Iterator[None]:
    """Act as a role that owns the database and has no other privilege than that."""
    name = f"limited_{database.alias}"
    with psycopg.connect(database.url, autocommit=True) as superuser:
        for statement in (
            f"CREATE ROLE {name} LOGIN {options}",
            f'ALTER DATABASE "{database.alias}" OWNER TO {name}',
            f"ALTER SCHEMA public OWNER TO {name}",
            *(f"ALTER ROLE {name} SET {key} = {value}" for key, value in settings.items()),
        ):
            superuser.execute(statement.encode())
        database.connection.close()
        connection_settings = database.connection.settings_dict
        before = connection_settings["USER"]
        connection_settings["USER"] = name
        try:
            yield
        finally:
            database.connection.close()
            connection_settings["USER"] = before
            superuser.execute(f'ALTER DATABASE "{database.alias}" OWNER TO postgres'.encode())
            superuser.execute(f"REASSIGN OWNED BY {name} TO postgres".encode())
            superuser.execute(f"DROP OWNED BY {name}".encode())
            superuser.execute(f"DROP ROLE {name}".encode())


def refused(database: Database, *arguments: str) -> str:
    """Migrate, expect a refusal with status 1 and an unchanged database; return the message."""
    before = fetch(database.connection, OBJECTS), all_rows(database.connection)
    database.connection.close()
    with pytest.raises(CommandError) as refusal:
        call_command("migrate", *arguments, database=database.alias, verbosity=0)
    assert refusal.value.returncode == 1
    assert (fetch(database.connection, OBJECTS), all_rows(database.connection)) == before
    return str(refusal.value)


@pytest.mark.parametrize("limit", [1, 2])
def test_too_few_connections_are_named(empty_database: Database, limit: int) -> None:
    with role(empty_database, f"CONNECTION LIMIT {limit}"):
        message = refused(empty_database)
    assert (
        f'limited_{empty_database.alias}" may have {limit} connections at a time, of which others'
        " use 0; a migration needs 3.\nNothing was changed. ALTER ROLE"
    ) in message


def test_role_without_a_free_connection_is_named(empty_database: Database) -> None:
    with role(empty_database, "CONNECTION LIMIT 0"), pytest.raises(CommandError) as refusal:
        call_command("migrate", database=empty_database.alias, verbosity=0)
    assert "the role has no connection left.\n" in str(refusal.value)


def test_limits_and_styles_of_a_role_do_not_hinder(empty_database: Database) -> None:
    """Every limit of time is shorter than the migration."""
    settings = {
        "idle_session_timeout": "'3s'",
        "idle_in_transaction_session_timeout": "'1s'",
        "statement_timeout": "'1s'",
        "lock_timeout": "'100ms'",
        "DateStyle": "'SQL, DMY'",
        "IntervalStyle": "sql_standard",
        "default_transaction_isolation": "serializable",
    }
    with role(empty_database, "CONNECTION LIMIT 3", **settings):
        call_command("migrate", "personas", database=empty_database.alias, verbosity=0)
        call_command("migrate", "personas", database=empty_database.alias, verbosity=0)
        assert fetch(empty_database.connection, "SELECT count(*) FROM personas") == [(0,)]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_encoding_that_does_not_hold_every_text_is_named(
    encoding: str, django_db_blocker: DjangoDbBlocker
) -> None:
    name = f"encoded_{encoding.lower()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'"
            " LC_COLLATE 'C' LC_CTYPE 'C'".encode()
        )
        try:
            status, _, err = run(urlunsplit(urlsplit(url)._replace(path=f"/{name}")), "migrate")
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    assert status == 1
    assert "nothing was changed:" in err
    assert f"The encoding of the database is {encoding}, which does not hold every text" in err


def test_first_of_several_hosts_that_answers_is_used(empty_database: Database) -> None:
    """Nobody listens on the first port."""
    place = urlsplit(empty_database.url)
    hosts = f"postgres@127.0.0.1:1,127.0.0.1:{place.port}"
    query = "target_session_attrs=read-write"
    several = urlunsplit(place._replace(netloc=hosts, query=query))
    status, out, err = run(several, "history")
    assert (status, out, err) == (
        0,
        "No runs yet: `python manage.py migrate` writes the history.\n",
        "",
    )


@pytest.mark.parametrize("when", ["", "WHEN TAG IN ('CREATE INDEX')"])
def test_event_trigger_that_forbids_changes_is_named(migrated: Migrated, when: str) -> None:
    migrated.run([statement.format(when=when) for statement in FORBID])
    message = refused(migrated.database, "chat", "0010")
    assert "no changes on a Friday" in message
    assert 'ALTER EVENT TRIGGER "no_changes" DISABLE; run migrate, then ENABLE it again.' in message
    migrated.run(["ALTER EVENT TRIGGER no_changes DISABLE"])
    call_command("migrate", "chat", "0010", database=migrated.database.alias, verbosity=0)


@pytest.mark.filterwarnings("ignore")
def test_published_table_whose_rows_cannot_change_is_named(migrated: Migrated) -> None:
    migrated.run(
        [
            "CREATE PUBLICATION own FOR TABLE threads",
            "ALTER TABLE threads REPLICA IDENTITY NOTHING",
        ]
    )
    message = refused(migrated.database, "threads", "0003")
    assert "threads is in the publication own and has no replica identity" in message
    assert 'ALTER TABLE "threads" REPLICA IDENTITY DEFAULT;' in message
    migrated.run(["ALTER TABLE threads REPLICA IDENTITY DEFAULT", "DROP PUBLICATION own"])
    if migrated.database.connection.connection.info.server_version >= 150000:
        migrated.run(["CREATE PUBLICATION own FOR TABLE threads WHERE (title <> 'secret')"])
        message = refused(migrated.database, "threads", "0003")
        assert "has a row filter or a column list that does not fit its replica identity" in message
        assert 'ALTER TABLE "threads" REPLICA IDENTITY FULL;' in message


def test_detail_is_shown_unless_it_holds_a_row(migrated: Migrated) -> None:
    connection = migrated.database.connection
    add = "INSERT INTO users (email, name, password_hash) VALUES ('alice@example.com', '', '')"
    migrated.run([add])
    with pytest.raises(IntegrityError) as violated:
        migrated.run([add])
    assert "alice" in str(violated.value)
    assert "alice" not in explained(violated.value)
    migrated.run(["CREATE VIEW own AS SELECT name FROM users"])
    with pytest.raises(Error) as needed, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE users DROP COLUMN name")
    assert "; view own depends on column name of table users. Use DROP" in explained(needed.value)


def test_tables_without_statistics_are_analyzed(migrated: Migrated) -> None:
    add = "INSERT INTO users (email, name, password_hash) VALUES ('alice@example.com', '', '')"
    migrated.run(["DELETE FROM users", add])
    known = "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'users'"
    assert fetch(migrated.database.connection, known) == [(False,)]
    call_command("migrate", database=migrated.database.alias, verbosity=0)
    assert fetch(migrated.database.connection, known) == [(True,)]
