"""Databases whose keys are whole numbers, and whose times have no zone."""

import pytest
from django.core.management import CommandError, call_command

from schema.introspection.catalog import Catalog
from tests.schema.adoption import scripts as s
from tests.schema.adoption.accounting import all_rows, fetch
from tests.schema.adoption.conftest import ADOPTED, Make, assert_like_fresh
from tests.schema.adoption.test_states import WRONG


def as_numbers(statements: list[str]) -> list[str]:
    """Return the scripts as the all-in-one script had them."""
    return [
        statement.replace("uuid PRIMARY KEY DEFAULT gen_random_uuid()", "serial PRIMARY KEY")
        .replace(" uuid", " integer")
        .replace("timestamptz", "timestamp")
        for statement in statements
    ]


ROWS = [
    "INSERT INTO users (email, password_hash, name, created_at) VALUES"
    " ('alice@example.com', 'x', 'Alice', '2024-01-01 12:00'),"
    " ('bob@example.com', 'x', 'Bob', NULL)",
    "INSERT INTO personas (user_id, name) VALUES (1, 'A'), (1, 'B'), (2, 'C'), (NULL, 'Nobody''s')",
    "INSERT INTO persona_samples (persona_id, content) VALUES (1, 'of A'), (3, 'of C'), (3, 'too')",
    "INSERT INTO messages (user_id, body) VALUES (1, 'a'), (2, 'b')",
    "INSERT INTO actions (user_id, persona_id, kind) VALUES (1, 2, 'k'), (2, NULL, 'l')",
    "INSERT INTO metrics (user_id, value) VALUES (2, 7)",
    "INSERT INTO chat_messages (user_id, role, content)"
    " SELECT 1 + n % 2, 'user', 'number ' || n FROM generate_series(1, 20) AS n",
]
THREADS = [
    "INSERT INTO threads (user_id, persona_id, title) VALUES (1, 2, 'Plans'), (2, NULL, 'Trip')",
    "UPDATE chat_messages SET thread_id = (SELECT id FROM threads WHERE title = 'Plans')"
    " WHERE content = 'number 2'",
]
V4_TABLES = s.V4[:6]
STATES = {
    "v2": [*s.BASE, *s.OTHERS, *s.V2, *s.recorded(s.V2_FILE)],
    "v4": [*s.BASE, *s.OTHERS, *s.V2, *s.V3, *V4_TABLES],
}
# Everything that belongs to somebody, by what does not change.
RELATIONS = [
    "SELECT u.email, p.name FROM personas p JOIN users u ON u.id = p.user_id ORDER BY 1, 2",
    "SELECT p.name, s.content FROM persona_samples s JOIN personas p ON p.id = s.persona_id"
    " ORDER BY 1, 2",
    "SELECT u.email, m.body FROM messages m JOIN users u ON u.id = m.user_id ORDER BY 1, 2",
    "SELECT u.email, p.name, a.kind FROM actions a JOIN users u ON u.id = a.user_id"
    " LEFT JOIN personas p ON p.id = a.persona_id ORDER BY 1, 2",
    "SELECT u.email, m.value, m.id FROM metrics m JOIN users u ON u.id = m.user_id",
    "SELECT u.email, m.content, m.created_at::timestamp FROM chat_messages m"
    " JOIN users u ON u.id = m.user_id ORDER BY 1, 2",
]
LINKS = (
    "SELECT m.content, t.title, p.name FROM chat_messages m"
    " JOIN threads t ON t.id = m.thread_id AND t.user_id = m.user_id"
    " LEFT JOIN personas p ON p.id = t.persona_id WHERE t.title <> 'General' ORDER BY 1"
)
VIEW = (
    "CREATE VIEW who AS SELECT u.id, u.email, m.content FROM users u"
    " JOIN chat_messages m ON m.user_id = u.id"
)


@pytest.mark.parametrize("state", STATES)
def test_numbers_become_uuids_and_every_relation_stays(
    make: Make, fresh: Catalog, state: str
) -> None:
    rows = [*ROWS, *(THREADS if state == "v4" else []), VIEW]
    database = make([*as_numbers(STATES[state]), *rows])
    relations = [fetch(database.connection, query) for query in RELATIONS]
    counts = {table: len(rows) for table, rows in all_rows(database.connection).items()}
    links = fetch(database.connection, LINKS) if state == "v4" else []
    assert all(relations)

    call_command("migrate", database=database.alias, verbosity=0)

    assert_like_fresh(database, fresh)
    assert [fetch(database.connection, query) for query in RELATIONS] == relations
    if state == "v4":
        assert links == [("number 2", "Plans", "B")]
        assert fetch(database.connection, LINKS) == links
    assert fetch(database.connection, WRONG) == []
    assert len(fetch(database.connection, "SELECT * FROM who")) == 20
    kept = fetch(database.connection, "SELECT table_name, row ->> 'name' FROM schema_quarantine")
    assert kept == [("personas", "Nobody's")]
    after = {table: len(rows) for table, rows in all_rows(database.connection).items()}
    counts["personas"] -= 1
    assert {table: after[table] for table in counts if table != "threads"} == {
        table: count for table, count in counts.items() if table != "threads"
    }
    cascade = "DELETE FROM users WHERE email = 'bob@example.com' RETURNING 1"
    assert len(fetch(database.connection, cascade)) == 1
    assert fetch(database.connection, "SELECT content FROM persona_samples") == [("of A",)]


def test_sequence_that_another_table_counts_with_stays(make: Make) -> None:
    database = make(
        [
            *as_numbers(STATES["v2"]),
            *ROWS,
            "CREATE TABLE tickets (number integer DEFAULT nextval('users_id_seq'))",
        ]
    )
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
    made = fetch(database.connection, "INSERT INTO tickets DEFAULT VALUES RETURNING number")
    assert made == [(3,)]


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (
            [
                "ALTER TABLE users ADD UNIQUE (id, email)",
                "CREATE TABLE cards (owner integer, email text,"
                " FOREIGN KEY (owner, email) REFERENCES users (id, email))",
            ],
            "on cards has several columns",
        ),
        (
            [
                "CREATE SCHEMA elsewhere",
                "CREATE TABLE elsewhere.uses (owner integer REFERENCES users (id))",
            ],
            r"from another schema: elsewhere\.uses",
        ),
        (
            ["CREATE VIEW firsts AS SELECT email FROM users WHERE id < 10"],
            "uuid < integer, in: CREATE VIEW firsts",
        ),
    ],
)
def test_what_keeps_keys_from_being_converted_is_named_and_no_row_changes(
    make: Make, others: list[str], words: str
) -> None:
    database = make([*as_numbers(STATES["v2"]), *ROWS, *others])
    before = all_rows(database.connection)
    with pytest.raises(CommandError, match=words):
        call_command("migrate", database=database.alias, verbosity=0)
    assert all_rows(database.connection) == before


def test_new_keys_cannot_be_computed_from_the_old_ones(make: Make) -> None:
    """Nobody can guess them: they differ from database to database and from table to table."""
    keys = []
    for _ in range(2):
        database = make([*as_numbers(STATES["v4"]), *ROWS, *THREADS])
        call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
        for table in ("users", "personas", "chat_messages", "threads"):
            rows = fetch(database.connection, f"SELECT new_key FROM schema_old_keys_{table}")
            assert rows
            keys += [row[0] for row in rows]
    assert len(set(keys)) == len(keys)
    assert {key.version for key in keys} == {4}


def test_every_key_and_every_link_to_it_is_converted(make: Make) -> None:
    database = make([*as_numbers(STATES["v4"]), *ROWS, *THREADS])
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
    types = fetch(
        database.connection,
        "SELECT table_name || '.' || column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name IN ('users', 'personas', 'chat_messages',"
        " 'threads', 'persona_samples', 'messages', 'actions', 'metrics')"
        " AND (column_name = 'id' OR column_name LIKE '%\\_id') ORDER BY 1",
    )
    # The keys of tables that are not this project's stay: nothing refers to them.
    assert types == [
        ("actions.id", "integer"),
        ("actions.persona_id", "uuid"),
        ("actions.user_id", "uuid"),
        ("chat_messages.id", "uuid"),
        ("chat_messages.thread_id", "uuid"),
        ("chat_messages.user_id", "uuid"),
        ("messages.id", "integer"),
        ("messages.user_id", "uuid"),
        ("metrics.id", "integer"),
        ("metrics.user_id", "uuid"),
        ("persona_samples.id", "integer"),
        ("persona_samples.persona_id", "uuid"),
        ("personas.id", "uuid"),
        ("personas.user_id", "uuid"),
        ("threads.id", "uuid"),
        ("threads.persona_id", "uuid"),
        ("threads.user_id", "uuid"),
        ("users.id", "uuid"),
    ]
    kept = fetch(
        database.connection,
        "SELECT relname FROM pg_class WHERE relname LIKE 'schema_old_keys_%' AND relkind = 'r'"
        " ORDER BY 1",
    )
    assert kept == [
        ("schema_old_keys_chat_messages",),
        ("schema_old_keys_personas",),
        ("schema_old_keys_threads",),
        ("schema_old_keys_users",),
    ]
    lost = fetch(
        database.connection,
        "SELECT old_key FROM schema_old_keys_chat_messages k WHERE NOT EXISTS"
        " (SELECT FROM chat_messages m WHERE m.id = k.new_key"
        " AND m.content = 'number ' || k.old_key)",
    )
    assert lost == []
