"""What an adoption does not decide by itself: it stops before changing anything."""

from collections.abc import Sequence

import psycopg
import pytest
from django.core.management import CommandError, call_command

from schema.catalog import read_catalog
from tests.conftest import Database
from tests.schema.adoption import people as p
from tests.schema.adoption import scripts as s
from tests.schema.adoption.accounting import all_rows
from tests.schema.adoption.conftest import Make
from tests.schema.adoption.people import key
from tests.schema.adoption.states import HELPED_TO_V4, STUCK

pytestmark = pytest.mark.postgresql

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
            "1 rows of persona_samples, which is not this project's, refer to them by"
            f" persona_id: {key('d', 7)}",
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
        [f"chat_messages has 1 rows that chat_messages_role_check forbids: {key('e', 3)}"],
    ),
    "messages without the users": (
        [
            s.V2[0].replace("NOT NULL REFERENCES users (id) ON DELETE CASCADE", "NOT NULL"),
            f"INSERT INTO chat_messages (user_id, role, content)"
            f" VALUES ('{p.ALICE}', 'user', 'left alone')",
        ],
        ["the table users that they belong to is not there"],
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
    said = assert_refuses_and_changes_nothing(database)
    for text in words:
        assert text in said


def test_role_that_does_not_own_the_tables_is_told_who_does(make: Make) -> None:
    database = make([*STUCK, "CREATE ROLE renter LOGIN", "GRANT ALL ON SCHEMA public TO renter"])
    try:
        name = database.connection.settings_dict["NAME"]
        with database.connection.cursor() as cursor:
            cursor.execute(f'GRANT CREATE ON DATABASE "{name}" TO renter')
            cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO renter")
        database.connection.close()
        database.connection.settings_dict["USER"] = "renter"
        said = assert_refuses_and_changes_nothing(database)
        for table in ("users", "personas", "chat_messages"):
            assert f"The table {table} belongs to the role postgres; renter" in said
            assert f"ALTER TABLE {table} OWNER TO renter;" in said.replace('"', "")
    finally:
        database.connection.close()
        database.connection.settings_dict["USER"] = "postgres"
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("DROP OWNED BY renter")
            connection.execute("DROP ROLE renter")


def assert_refuses_and_changes_nothing(database: Database) -> str:
    rows, catalog = all_rows(database.connection), read_catalog(database.connection)
    with pytest.raises(CommandError) as refusal:
        call_command("migrate", database=database.alias, verbosity=0)
    assert all_rows(database.connection) == rows
    assert read_catalog(database.connection) == catalog
    assert "Nothing was changed" in str(refusal.value)
    return str(refusal.value)
