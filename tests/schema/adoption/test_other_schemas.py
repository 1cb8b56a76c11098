"""The project's tables in another schema than the one that the search path leads to first."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.core.management import CommandError, call_command

from tests.conftest import Database
from tests.schema.adoption.accounting import fetch
from tests.schema.adoption.conftest import Make
from tests.schema.adoption.states import STUCK
from tests.schema.conftest import Migrated
from tests.schema.processes import run

pytestmark = pytest.mark.engines("postgresql", "older")

OBJECTS = """
    SELECT relname, relkind::text, relnamespace::regnamespace::text, pg_stat_get_live_tuples(oid)
    FROM pg_class WHERE relnamespace::regnamespace::text IN ('public', 'postgres', 'first')
    ORDER BY 1, 3
"""
COMMANDS = {
    "migrate": 1,
    "migrate --plan": 1,
    "verify": 2,
    "showmigrations": 1,
    "history": 1,
}


def refusal(database: Database, command: str) -> CommandError:
    name, *arguments = command.split()
    with pytest.raises(CommandError) as refused:
        call_command(name, *arguments, database=database.alias)
    return refused.value


@contextmanager
def search_path(database: Database, path: str) -> Iterator[None]:
    """Set the search path of the database for the block."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{database.alias}" SET search_path = {path}'.encode())
        database.connection.close()
        yield
        database.connection.close()
        connection.execute(f'ALTER DATABASE "{database.alias}" RESET search_path'.encode())
    database.connection.close()


def test_schema_named_like_the_role_hides_no_site(migrated: Migrated, tmp_path: Path) -> None:
    """`postgres` is the role, so "$user" leads to the new schema."""
    database = migrated.database
    migrated.run(["CREATE SCHEMA postgres"])
    before = fetch(database.connection, OBJECTS)
    for command, status in [*COMMANDS.items(), (f"exportsql --output={tmp_path}", 1)]:
        refused = refusal(database, command)
        assert (command, refused.returncode) == (command, status)
        assert str(refused) == (
            'The tables of this project are in the schema public, and the search path ("$user",'
            " public) leads to the schema postgres first.\nNothing was changed. ALTER ROLE"
            f' "postgres" IN DATABASE "{database.alias}" SET search_path = "public"; For a new,'
            " empty site beside them, in the schema postgres: migrate --new-site."
        )
    assert fetch(database.connection, OBJECTS) == before
    remedy = re.search(r"ALTER ROLE .*?;", str(refused))
    assert remedy is not None
    migrated.run([remedy.group()])
    database.connection.close()
    call_command("migrate", database=database.alias, verbosity=0)
    assert migrated.differences() == []


def test_empty_copies_of_the_tables_do_not_hide_the_site(migrated: Migrated) -> None:
    migrated.run(
        [
            "CREATE SCHEMA postgres",
            *(
                f"CREATE TABLE postgres.{name} (LIKE public.{name} INCLUDING ALL)"
                for name in ("users", "personas", "threads", "chat_messages", "django_migrations")
            ),
        ]
    )
    assert "are in the schema public" in str(refusal(migrated.database, "migrate"))


def test_old_database_outside_the_search_path_is_found(make: Make) -> None:
    database = make(["DROP TABLE django_migrations", *STUCK, 'CREATE SCHEMA "first"'])
    with search_path(database, '"first"'):
        before = fetch(database.connection, OBJECTS)
        assert "are in the schema public" in str(refusal(database, "migrate"))
        assert fetch(database.connection, OBJECTS) == before
    url = f"{database.url}?options={quote('-c search_path=first')}"
    status, _, err = run(url, "migrate")
    assert status == 1
    assert 'Correct it in DATABASE_URL or PGOPTIONS: search_path="public".' in err


@pytest.mark.parametrize("path", ["''", "nowhere"])
def test_search_path_without_a_schema_is_named(make: Make, path: str) -> None:
    database = make(STUCK)
    with search_path(database, path):
        message = str(refusal(database, "migrate"))
    assert "leads to no schema that exists and that the role may use." in message
    assert f'ALTER ROLE "postgres" IN DATABASE "{database.alias}" SET search_path = ' in message


def test_copies_of_tables_are_no_site(migrated: Migrated) -> None:
    migrated.run(
        [
            "CREATE SCHEMA copies",
            "CREATE TABLE copies.users AS SELECT * FROM users",
            "CREATE TABLE copies.threads AS SELECT * FROM threads",
        ]
    )
    call_command("history", database=migrated.database.alias)
    call_command("migrate", database=migrated.database.alias, verbosity=0)


def test_another_django_project_in_the_database_is_no_site(empty_database: Database) -> None:
    statements = [
        "CREATE SCHEMA other",
        "CREATE TABLE other.users (id serial, email text, name text)",
        "CREATE TABLE other.django_migrations AS SELECT 'users' AS app, '0001_initial' AS name",
    ]
    with empty_database.connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    call_command("showmigrations", database=empty_database.alias)


def test_new_site_beside_another_is_made_when_asked_for(migrated: Migrated) -> None:
    database = migrated.database
    migrated.run(["CREATE SCHEMA second"])
    with search_path(database, "second"):
        assert refusal(database, "migrate").returncode == 1
        call_command("migrate", "users", database=database.alias, verbosity=0, new_site=True)
        call_command("migrate", "users", database=database.alias, verbosity=0)
        assert fetch(database.connection, "SELECT count(*) FROM second.users") == [(0,)]
