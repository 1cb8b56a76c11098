"""What rows mean must stay: links without a foreign key, privileges, timestamps."""

import io
import json
import re

import pytest
from django.core.management import call_command

from schema.introspection.catalog import Catalog
from tests.conftest import Database
from tests.schema.adoption import people as p
from tests.schema.adoption.accounting import all_rows, fetch
from tests.schema.adoption.conftest import ADOPTED, Make, assert_like_fresh, run
from tests.schema.adoption.people import key
from tests.schema.adoption.states import HELPED_TO_V4, STUCK
from tests.schema.adoption.test_key_conversion import ROWS, STATES, as_numbers

LINKS = [
    "CREATE TABLE notes (id serial PRIMARY KEY, about_user_id integer, reader_ids integer[],"
    ' author_id text, payload jsonb, "personaId" bigint, plain json)',
    'INSERT INTO notes (about_user_id, reader_ids, author_id, payload, "personaId", plain) VALUES'
    ' (1, \'{1,2}\', \'2\', \'{"personaId": 3, "tone": 7}\', 2, \'{"a": [{"user_id": "1"}]}\'),'
    " (77, '{}', 'bob', '{\"personaId\": 99}', NULL, NULL)",
]


def migrate(database: Database, *target: str) -> str:
    out = io.StringIO()
    call_command("migrate", *target, database=database.alias, stdout=out)
    return out.getvalue()


def test_old_keys_are_kept_beside_the_new_ones_and_lead_back(make: Make) -> None:
    database = make([*as_numbers(STATES["v4"]), *ROWS])
    emails = fetch(database.connection, "SELECT id, email FROM users ORDER BY id")
    message = migrate(database, *ADOPTED)
    for table in ("users", "personas", "chat_messages"):
        line = f"Kept: the old keys of {table}, in schema_old_keys_{table} (old_key, new_key)\n"
        assert line in message
    assert (
        fetch(
            database.connection,
            "SELECT k.old_key, u.email FROM schema_old_keys_users k"
            " JOIN users u ON u.id = k.new_key ORDER BY 1",
        )
        == emails
    )
    assert fetch(
        database.connection,
        "SELECT p.name, k.old_key FROM schema_old_keys_personas k"
        " JOIN personas p ON p.id = k.new_key ORDER BY 2",
    ) == [("A", 1), ("B", 2), ("C", 3)]
    again = migrate(database, *ADOPTED)
    assert "Nothing to do" in again


def test_links_without_a_foreign_key_are_reported_with_the_sql_that_converts_them(
    make: Make,
) -> None:
    database = make([*as_numbers(STATES["v4"]), *ROWS, *LINKS])
    message = migrate(database, *ADOPTED)
    notes = [
        f"{place} looks like a link to {target} without a foreign key: {matches} values are keys."
        for place, target, matches in [
            ("notes.about_user_id", "users", "1 of 2"),
            ("notes.reader_ids", "users", "2 of 2"),
            ("notes.author_id", "users", "1 of 1"),
            ("notes.payload (JSON key personaId)", "personas", "1 of 2"),
            ("notes.personaId", "personas", "1 of 1"),
            ("notes.plain (JSON key user_id)", "users", "1 of 1"),
        ]
    ]
    lines = message.splitlines()
    for note in notes:
        assert [line for line in lines if line.startswith(note)], (note, message)
    assert fetch(database.connection, "SELECT about_user_id FROM notes ORDER BY id") == [
        (1,),
        (77,),
    ]
    for note in notes[:5]:
        place = next(number for number, line in enumerate(lines) if line.startswith(note))
        run(database, [lines[place + 1].strip()])
    assert fetch(
        database.connection,
        "SELECT a.email, array(SELECT email FROM users WHERE id = ANY (n.reader_ids_uuid)"
        " ORDER BY 1), w.email, p.name, q.name, n.payload ->> 'tone' FROM notes n"
        " JOIN users a ON a.id = n.about_user_id_uuid JOIN users w ON w.id::text = n.author_id"
        " JOIN personas p ON p.id::text = n.payload ->> 'personaId'"
        ' JOIN personas q ON q.id = n."personaId_uuid"',
    ) == [
        (
            "alice@example.com",
            ["alice@example.com", "bob@example.com"],
            "bob@example.com",
            "C",
            "B",
            "7",
        )
    ]


def test_columns_that_look_like_links_are_not_reported_where_keys_stay(make: Make) -> None:
    database = make([*STUCK, *LINKS])
    assert "looks like a link" not in migrate(database, *ADOPTED)


FLAGS = {
    "true by default": "is_superuser boolean DEFAULT true, ADD is_staff boolean DEFAULT true,"
    " ADD is_active boolean DEFAULT true",
    "with another meaning": "is_staff text NOT NULL DEFAULT 'kitchen', ADD is_superuser integer"
    " DEFAULT 1, ADD is_active boolean",
    "true for one": "is_staff boolean NOT NULL DEFAULT false, ADD is_superuser boolean NOT NULL"
    " DEFAULT false, ADD is_active boolean NOT NULL DEFAULT true",
}


@pytest.mark.parametrize("name", FLAGS)
def test_columns_of_the_owners_make_nobody_an_administrator(
    make: Make, fresh: Catalog, name: str
) -> None:
    database = make([*STUCK, f"ALTER TABLE users ADD {FLAGS[name]}"])
    if name == "true for one":
        run(database, [f"UPDATE users SET is_staff = true WHERE id = '{p.BOB}'"])
    query = "SELECT to_jsonb(u) ->> '{0}is_staff', to_jsonb(u) ->> '{0}is_superuser' FROM users u"
    theirs = [row[0] for row in fetch(database.connection, query.format(""))]
    message = migrate(database)
    assert_like_fresh(database, fresh)
    assert set(
        fetch(database.connection, "SELECT is_staff, is_superuser, is_active FROM users")
    ) == {(False, False, True)}
    kept = [row[0] for row in fetch(database.connection, query.format("owner_"))]
    assert sorted(map(str, kept)) == sorted(map(str, theirs))
    assert (
        "Kept: the owner's column users.is_staff, as users.owner_is_staff: it has no effect here\n"
    ) in message
    fetch(
        database.connection,
        "INSERT INTO users (email, password_hash) VALUES ('eve@example.com', 'x') RETURNING 1",
    )
    assert fetch(database.connection, "SELECT count(*) FROM users WHERE is_staff") == [(0,)]


def test_administrators_made_later_stay_when_a_further_step_is_adopted(make: Make) -> None:
    database = make(STUCK)
    call_command("migrate", "users", "0001", database=database.alias, verbosity=0)
    run(database, [f"UPDATE users SET is_staff = true WHERE id = '{p.ALICE}'"])
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
    assert fetch(database.connection, "SELECT id::text FROM users WHERE is_staff") == [(p.ALICE,)]


BEYOND = ["infinity", "-infinity", "0044-03-15 BC", "12024-01-01"]
TIMES = [
    f"UPDATE users SET created_at = '{BEYOND[0]}' WHERE id = '{p.ALICE}'",
    f"UPDATE users SET updated_at = '{BEYOND[2]}', created_at = '{BEYOND[3]}' WHERE id = '{p.BOB}'",
    f"UPDATE personas SET created_at = '{BEYOND[1]}' WHERE id = '{key('d', 1)}'",
    *(
        f"UPDATE chat_messages SET created_at = '{value}' WHERE id = '{key('e', number)}'"
        for number, value in enumerate(BEYOND, 1)
    ),
]


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
def test_timestamps_that_python_cannot_hold_are_replaced_and_kept(make: Make, kind: str) -> None:
    types = [
        f"ALTER TABLE {table} ALTER COLUMN created_at TYPE timestamp,"
        " ALTER COLUMN updated_at TYPE timestamp"
        for table in ("users", "personas", "chat_messages", "threads")
    ]
    times = [
        *TIMES,
        f"UPDATE threads SET created_at = 'infinity', last_message_at = '{BEYOND[3]}'"
        f" WHERE user_id = '{p.ALICE}'",
    ]
    database = make([*HELPED_TO_V4, *(types if kind == "timestamp" else []), *times])
    message = migrate(database, *ADOPTED)
    for table in ("users", "personas", "chat_messages", "threads"):
        rows = all_rows(database.connection)[table].values()
        for row in rows:
            assert re.match(r"[12]\d{3}-", row["created_at"]), row
            assert re.match(r"[12]\d{3}-", row["updated_at"]), row
    kept = fetch(
        database.connection,
        'SELECT table_name, key, "values"::text FROM schema_original_values',
    )
    originals = {
        (table, row, column): value
        for table, row, text in kept
        for column, value in json.loads(text).items()
    }
    assert originals["users", p.ALICE, "created_at"] == "infinity"
    assert originals["users", p.BOB, "updated_at"].endswith("BC")
    assert originals["users", p.BOB, "created_at"].startswith("12024-01-01")
    assert originals["personas", key("d", 1), "created_at"] == "-infinity"
    for number in range(1, 5):
        assert ("chat_messages", key("e", number), "created_at") in originals
    assert (
        "users whose created_at Python cannot hold got another; the original is kept: 2" in message
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "'2025-01-27T12:30:00+01:00'"),
        ("bigint", "1737977400"),
        ("bigint", "1737977400000"),
        ("timestamptz", "'2025-01-27 11:30:00Z'"),
        ("text", "'some day in winter'"),
    ],
)
def test_time_of_a_record_is_right_whatever_its_type(make: Make, kind: str, value: str) -> None:
    database = make(
        [
            *STUCK,
            "ALTER TABLE schema_migrations DROP COLUMN executed_at",
            f"ALTER TABLE schema_migrations ADD COLUMN executed_at {kind} DEFAULT {value}",
        ]
    )
    out = io.StringIO()
    call_command("migrate", plan=True, database=database.alias, stdout=out)
    when = "" if "winter" in value else " at 2025-01-27 11:30:00 UTC"
    recorded = f"schema_migrations records that schema_v2.sql was run{when}, and that is so."
    assert recorded in out.getvalue().splitlines()
