"""What an adoption refuses before its first change."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest
from django.core.management import CommandError, call_command

from schema.introspection.read import read_catalog
from tests.conftest import Database
from tests.schema.adoption import people as p
from tests.schema.adoption import scripts as s
from tests.schema.adoption.accounting import all_rows
from tests.schema.adoption.conftest import Make, run
from tests.schema.adoption.people import key
from tests.schema.adoption.states import HELPED_TO_V4, STUCK

pytestmark = pytest.mark.engines("postgresql")

REFUSED: dict[str, tuple[Sequence[str], list[str]]] = {
    "two accounts with one address": (
        [
            *STUCK,
            "INSERT INTO users (id, email, password_hash, created_at)"
            f" VALUES ('{key('a', 4)}', 'ALICE@example.com', 'x', '2024-05-01Z')",
        ],
        [
            "differ only in case",
            f"alice@example.com: id {p.ALICE}, alice@example.com, since 2024-01-01; "
            f"id {key('a', 4)}, ALICE@example.com, since 2024-05-01",
            "UPDATE users SET email",
        ],
    ),
    "a table of others refers to a persona without a user": (
        [
            *STUCK,
            *p.OWNERLESS_PERSONA,
            f"INSERT INTO persona_samples (persona_id, content) VALUES ('{key('d', 7)}', 'x')",
        ],
        [
            "persona_samples, which is not this project's, refers to them by"
            f" persona_id (1 row): {key('d', 7)}",
            "UPDATE personas SET user_id",
        ],
    ),
    "a column of a type that does not convert": (
        [*STUCK, "ALTER TABLE personas ADD COLUMN is_active text DEFAULT 'perhaps'"],
        ["personas.is_active is text instead of boolean", "perhaps"],
    ),
    "titles that are too long": (
        [
            *HELPED_TO_V4,
            "ALTER TABLE threads ALTER COLUMN title TYPE text",
            "UPDATE threads SET title = repeat('x', 256)",
        ],
        ["threads.title is text instead of character varying(255)", "longer than 255 characters"],
    ),
    "a materialized view over a column that changes": (
        [
            *s.BASE,
            *s.EARLY,
            "CREATE MATERIALIZED VIEW roles AS SELECT role, count(*) FROM chat_messages GROUP BY 1",
        ],
        ["roles, which is a materialized view", "Drop roles"],
    ),
    "a role that is none": (
        [
            *STUCK,
            "ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_role_check",
            f"UPDATE chat_messages SET role = 'system' WHERE id = '{key('e', 3)}'",
        ],
        [f"chat_messages has 1 row that chat_messages_role_check forbids: {key('e', 3)}"],
    ),
    "messages without the users": (
        [
            s.V2[0].replace("NOT NULL REFERENCES users (id) ON DELETE CASCADE", "NOT NULL"),
            f"INSERT INTO chat_messages (user_id, role, content)"
            f" VALUES ('{p.ALICE}', 'user', 'left alone')",
            *s.recorded(s.V2_FILE),
        ],
        ["the table users that they belong to does not exist"],
    ),
    "a name that something else has": (
        [
            *STUCK,
            "CREATE INDEX personas_user_idx ON persona_samples (content)",
            "CREATE SEQUENCE chat_replies",
        ],
        [
            "personas_user_idx is an index of persona_samples, and personas.0001_personas needs",
            'ALTER INDEX "personas_user_idx" RENAME TO "personas_user_idx_old";',
            "chat_replies is a sequence, and chat.0005_replies needs the name for a table",
        ],
    ),
    "a table and a column that come later": (
        [
            *HELPED_TO_V4,
            "CREATE TABLE attempts (ip text)",
            "ALTER TABLE threads ADD COLUMN deleted_at timestamptz DEFAULT now()",
        ],
        [
            "There is a table attempts already, and users.0002_attempts creates one",
            "threads has a column deleted_at already, and threads.0002_organising creates one",
            'ALTER TABLE "threads" RENAME COLUMN "deleted_at" TO "deleted_at_old";',
        ],
    ),
    "a link that leads elsewhere": (
        [
            *STUCK,
            "CREATE TABLE talks (id uuid PRIMARY KEY)",
            "ALTER TABLE chat_messages ADD CONSTRAINT to_talks FOREIGN KEY (thread_id)"
            " REFERENCES talks (id)",
        ],
        ["chat_messages.thread_id refers to talks by the foreign key to_talks"],
    ),
    "columns that nothing can be put into": (
        [
            *STUCK,
            "ALTER TABLE users DROP COLUMN password_hash",
            "CREATE TABLE threads (id uuid PRIMARY KEY, title text)",
            f"INSERT INTO threads VALUES ('{key('f', 1)}', 'whose?')",
            "ALTER TABLE chat_messages ADD COLUMN tenant integer NOT NULL DEFAULT 1",
            "ALTER TABLE chat_messages ALTER COLUMN tenant DROP DEFAULT",
        ],
        [
            "users has rows and lacks what they cannot be without: password_hash",
            "threads has rows and lacks what they cannot be without: user_id",
            "chat_messages.tenant, which is not this project's, must have a value in every row",
        ],
    ),
    "keys that are no keys": (
        [
            *STUCK,
            "ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_pkey",
            "ALTER TABLE chat_messages ALTER COLUMN id DROP NOT NULL",
            "INSERT INTO chat_messages (id, user_id, role, content)"
            f" VALUES ('{key('e', 1)}', '{p.ALICE}', 'user', 'again'),"
            f" (NULL, '{p.ALICE}', 'user', 'none')",
        ],
        [
            "chat_messages has 1 row without a value for id, which must have one: NULL",
            f"chat_messages has 2 rows that share their id, of which chat_messages_pkey allows"
            f" one: {key('e', 1)}, {key('e', 1)}",
        ],
    ),
    "what holds a column's type": (
        [
            *s.BASE,
            *s.EARLY,
            "CREATE POLICY mine ON chat_messages USING (role = 'user')",
            "ALTER TABLE chat_messages ADD COLUMN loud text"
            " GENERATED ALWAYS AS (upper(role)) STORED",
            "ALTER TABLE chat_messages REPLICA IDENTITY FULL",
            "CREATE PUBLICATION spoken FOR TABLE chat_messages WHERE (role = 'user')",
            "CREATE RULE never AS ON DELETE TO chat_messages WHERE OLD.role = 'user'"
            " DO INSTEAD NOTHING",
        ],
        [
            "policy mine on table chat_messages reads a column of chat_messages whose type",
            "default value for column loud of table chat_messages reads",
            "publication of table chat_messages in publication spoken reads",
            "rule never on table chat_messages reads",
        ],
    ),
    "child tables": (
        [*STUCK, "CREATE TABLE older () INHERITS (chat_messages)"],
        ["chat_messages has child tables", "older", 'NO INHERIT "chat_messages";'],
    ),
    "another schema refers to a persona without a user": (
        [
            *STUCK,
            *p.OWNERLESS_PERSONA,
            "CREATE SCHEMA numbers",
            "CREATE TABLE numbers.uses (persona_id uuid REFERENCES personas (id)"
            " ON DELETE CASCADE)",
            f"INSERT INTO numbers.uses VALUES ('{key('d', 7)}')",
        ],
        ["numbers.uses, which is not this project's, refers to them by persona_id (1 row)"],
    ),
    "users is a view": (
        ["CREATE TABLE people (id uuid)", "CREATE VIEW users AS SELECT * FROM people"],
        ["users is a view"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_adoption_refuses_with_the_rows_and_the_choice(make: Make, name: str) -> None:
    statements, words = REFUSED[name]
    database = make(statements)
    message = assert_refuses_and_changes_nothing(database)
    for text in words:
        assert text in message


def test_role_that_does_not_own_the_tables_is_told_who_does(make: Make) -> None:
    database = make([*STUCK, "CREATE ROLE renter LOGIN", "GRANT ALL ON SCHEMA public TO renter"])
    try:
        name = database.connection.settings_dict["NAME"]
        with database.connection.cursor() as cursor:
            cursor.execute(f'GRANT CREATE ON DATABASE "{name}" TO renter')
            cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO renter")
        with acting_as(database, "renter"):
            message = assert_refuses_and_changes_nothing(database)
        for table in ("users", "personas", "chat_messages"):
            assert (
                f'The role "renter" may not alter the table "{table}", which "postgres" owns.'
                in message
            )
            assert f'ALTER TABLE "{table}" OWNER TO "renter";' in message
    finally:
        run(database, ["DROP OWNED BY renter", "DROP ROLE renter"])


def test_tables_in_a_later_schema_are_refused(make: Make) -> None:
    database = make([*STUCK, "CREATE SCHEMA postgres"])
    database.connection.close()
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("DROP TABLE django_migrations")
    message = assert_refuses_and_changes_nothing(database)
    assert message.startswith(
        'The tables of this project are in the schema public, and the search path ("$user", public)'
        " leads to the schema postgres first.\nNothing was changed. "
    )


def test_tables_that_the_role_may_not_read_are_named(make: Make) -> None:
    database = make(
        [
            *STUCK,
            *p.OWNERLESS_PERSONA,
            "CREATE ROLE renter LOGIN",
            *(
                f"ALTER TABLE {name} OWNER TO renter"
                for name in ("users", "personas", "chat_messages", "django_migrations")
            ),
            "GRANT ALL ON SCHEMA public TO renter",
            "GRANT SELECT ON schema_migration_runs, schema_kept TO renter",
        ]
    )
    name = database.connection.settings_dict["NAME"]
    run(database, [f'GRANT CREATE ON DATABASE "{name}" TO renter'])
    try:
        with (
            acting_as(database, "renter"),
            pytest.raises(CommandError, match="may not read the table schema_migrations"),
        ):
            call_command("migrate", database=database.alias, plan=True)
        run(database, ["GRANT SELECT ON schema_migrations TO renter"])
        with acting_as(database, "renter"):
            plan = io.StringIO()
            call_command("migrate", database=database.alias, plan=True, stdout=plan)
        assert "may not read the table persona_samples" in plan.getvalue()
        assert 'GRANT SELECT ON actions TO "renter";' in plan.getvalue()
    finally:
        run(database, ["REASSIGN OWNED BY renter TO postgres", "DROP OWNED BY renter"])
        run(database, ["DROP ROLE renter"])


@contextmanager
def acting_as(database: Database, role: str) -> Iterator[None]:
    """Connect as another role."""
    database.connection.close()
    database.connection.settings_dict["USER"] = role
    try:
        yield
    finally:
        database.connection.close()
        database.connection.settings_dict["USER"] = "postgres"


def test_read_only_session_is_refused_by_the_plan_too(make: Make) -> None:
    database = make([*STUCK])
    run(database, ["SET default_transaction_read_only = on"])
    with pytest.raises(CommandError, match="The server takes no changes"):
        call_command("migrate", database=database.alias, plan=True)


def assert_refuses_and_changes_nothing(database: Database) -> str:
    rows, catalog = all_rows(database.connection), read_catalog(database.connection)
    with pytest.raises(CommandError) as refusal:
        call_command("migrate", database=database.alias, verbosity=0)
    assert all_rows(database.connection) == rows
    assert read_catalog(database.connection) == catalog
    assert "Nothing was changed" in str(refusal.value)
    return str(refusal.value)
