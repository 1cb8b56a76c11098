"""Names that the owner has given to something else are found before the first change."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.conftest import Database
from tests.schema.adoption import scripts as s
from tests.schema.adoption.accounting import fetch
from tests.schema.adoption.conftest import ADOPTED, Make, run
from tests.schema.adoption.states import STUCK
from tests.schema.adoption.test_refusals import assert_refuses_and_changes_nothing

OTHERS = {
    "CREATE TYPE threads AS ENUM ('open', 'shut')": (
        "threads is an enum type, and threads.0001_threads needs the name for a table.",
        'ALTER TYPE "threads" RENAME TO "threads_old";',
    ),
    "CREATE DOMAIN attempts AS integer": (
        "attempts is a domain, and users.0002_attempts needs the name for a table.",
        'ALTER DOMAIN "attempts" RENAME TO "attempts_old";',
    ),
    "CREATE TYPE chat_replies AS (a integer)": (
        "chat_replies is a type, and chat.0005_replies needs the name for a table.",
        'ALTER TYPE "chat_replies" RENAME TO "chat_replies_old";',
    ),
    "CREATE SEQUENCE threads": (
        "threads is a sequence, and threads.0001_threads needs the name for a table.",
        'ALTER SEQUENCE "threads" RENAME TO "threads_old";',
    ),
    "CREATE TABLE attempts (id serial PRIMARY KEY, quiz text)": (
        "There is a table attempts already, and users.0002_attempts creates one of that name.",
        'ALTER TABLE "attempts" RENAME TO "attempts_old";'
        ' ALTER INDEX "attempts_pkey" RENAME TO "attempts_pkey_old";',
    ),
}


@pytest.mark.parametrize("statement", OTHERS)
def test_name_that_something_else_has_is_refused_by_an_adoption(make: Make, statement: str) -> None:
    words, remedy = OTHERS[statement]
    database = make([*STUCK, statement])
    message = assert_refuses_and_changes_nothing(database)
    assert words in message
    assert remedy in message
    run(database, [remedy])
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)


def test_array_of_a_type_and_a_type_of_another_schema_do_not_prevent_adoption(make: Make) -> None:
    database = make(
        [
            *STUCK,
            "CREATE SCHEMA elsewhere",
            "CREATE TYPE elsewhere.threads AS ENUM ('open')",
            "CREATE TYPE mood AS ENUM ('good')",
        ]
    )
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "CREATE TABLE attempts (id integer PRIMARY KEY, quiz text)",
            "There is a table attempts already, without",
        ),
        ("CREATE VIEW attempts AS SELECT 1 AS id", "attempts is a view, and users.0002_attempts"),
    ],
)
def test_table_of_another_program_never_gets_columns_of_ours(
    empty_database: Database, statement: str, words: str
) -> None:
    run(empty_database, [statement])
    with pytest.raises(CommandError) as refusal:
        call_command("migrate", database=empty_database.alias, verbosity=0)
    assert refusal.value.returncode == 1
    assert words in str(refusal.value)
    assert "nothing was changed" in str(refusal.value)
    assert names(empty_database.connection) <= {"attempts", *BOOKKEEPING}


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize("statement", list(OTHERS)[:4])
def test_name_that_something_else_has_is_refused_on_an_empty_site(
    empty_database: Database, statement: str
) -> None:
    run(empty_database, [statement])
    with pytest.raises(CommandError) as refusal:
        call_command("migrate", database=empty_database.alias, verbosity=0)
    assert "needs the name for a table" in str(refusal.value)
    assert names(empty_database.connection) <= {"attempts", *BOOKKEEPING}


@pytest.mark.parametrize(
    "statements",
    [
        [
            "CREATE TABLE users (id serial PRIMARY KEY, email text, password_hash text, name text)",
            "CREATE TABLE orders (id serial PRIMARY KEY, user_id integer REFERENCES users)",
            "INSERT INTO users (email) VALUES ('alice@example.com')",
            "INSERT INTO orders (user_id) VALUES (1)",
        ],
        [s.BASE[0], "CREATE TABLE threads (id serial PRIMARY KEY, colour text)"],
        ["CREATE TABLE threads (id serial PRIMARY KEY, subject text, forum integer)"],
        [*s.TRACKING, "INSERT INTO schema_migrations (filename) VALUES ('001.sql')", s.BASE[0]],
    ],
    ids=["a shop", "threads of cotton", "a forum", "files of another tool"],
)
def test_database_that_may_be_another_programs_is_refused(
    make: Make, statements: list[str]
) -> None:
    database = make(statements)
    message = assert_refuses_and_changes_nothing(database)
    assert "The database may belong to another program" in message
    assert "run migrate with --adopt." in message


def test_database_with_users_only_is_adopted_on_insistence(make: Make) -> None:
    database = make(
        [*s.BASE[:1], "INSERT INTO users (email, password_hash) VALUES ('alice@example.com', 'x')"]
    )
    assert "it has only users" in assert_refuses_and_changes_nothing(database)
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0, adopt=True)
    assert fetch(database.connection, "SELECT email FROM users") == [("alice@example.com",)]


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (STUCK, "This database was migrated by hand and is not adopted yet"),
        (s.BASE[:1], "The database may belong to another program"),
        ([], ""),
    ],
    ids=["stuck", "users only", "empty"],
)
def test_other_commands_say_what_they_see(
    make: Make, statements: list[str], words: str, tmp_path: Path
) -> None:
    database = make(statements)
    commands: list[tuple[str, dict[str, Any]]] = [
        ("verify", {}),
        ("showmigrations", {}),
        ("exportsql", {"output": tmp_path / "sql"}),
    ]
    for name, options in commands:
        seen = io.StringIO()
        call_command(name, database=database.alias, stdout=io.StringIO(), stderr=seen, **options)
        assert seen.getvalue().startswith(words), name
        assert bool(seen.getvalue()) == bool(words), name


BOOKKEEPING = ("django_migrations",)


def names(connection: BaseDatabaseWrapper) -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor, include_views=True))
