"""Rollbacks that would lose data ask first."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.conftest import Database
from tests.schema.conftest import Migrated

ROWS = [
    "INSERT INTO users (id, email, name, password_hash) VALUES ('{u}', 'a@example.com', 'A', 'x')",
    "INSERT INTO personas (id, user_id, name) VALUES ('{p}', '{u}', 'One')",
    "INSERT INTO personas (id, user_id, name, color) VALUES ('{q}', '{u}', 'Two', '#ff0000')",
    "INSERT INTO chat_messages (user_id, role, content) VALUES ('{u}', 'user', 'Hello')",
    "INSERT INTO chat_messages (user_id, role, content) VALUES ('{u}', 'twin', 'Hi')",
]


def key(number: int, vendor: str) -> str:
    digits = f"{number:032x}"
    if vendor == "sqlite":
        return digits
    return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])


@pytest.fixture
def with_rows(migrated: Migrated) -> Database:
    vendor = migrated.database.connection.vendor
    names = {name: key(number, vendor) for number, name in enumerate("upq", 1)}
    migrated.run([row.format(**names) for row in ROWS])
    return migrated.database


def roll_back(database: Database, *arguments: str, **options: bool) -> str:
    out = StringIO()
    call_command(
        "migrate", *arguments, database=database.alias, stdout=out, interactive=False, **options
    )
    return out.getvalue()


def test_rollback_names_what_is_lost_and_refuses(with_rows: Database) -> None:
    with pytest.raises(CommandError) as error:
        roll_back(with_rows, "personas", "0001")
    assert error.value.returncode == 5
    assert str(error.value).splitlines()[1] == (
        "Nothing was changed. Add --keep to set it aside, so that migrating forwards puts it back,"
        " or --accept-data-loss to lose it."
    )
    with with_rows.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM threads")
        assert cursor.fetchone() == (1,)


def test_rollback_with_consent_counts_rows_and_columns(with_rows: Database) -> None:
    lines = roll_back(with_rows, "personas", "0001", accept_data_loss=True).splitlines()
    place = lines.index("This rollback loses:")
    lost = {line for line in lines[place + 1 :] if line.startswith(("  table ", "  column "))}
    assert lost == {
        "  table threads: 1 row",
        "  column chat_messages.thread_id: 2 rows with a value of their own",
        "  column personas.color: 1 row with a value of their own",
        "  column personas.is_active: 1 row with a value of their own",
    }


def test_rollback_of_what_holds_nothing_asks_nothing(migrated: Migrated) -> None:
    output = roll_back(migrated.database, "chat", "zero")
    assert "loses" not in output
    assert "rolled back chat.0001_chat_history" in output


def test_forwards_never_asks(with_rows: Database) -> None:
    roll_back(with_rows, "personas", "0001", accept_data_loss=True)
    assert "loses" not in roll_back(with_rows)
