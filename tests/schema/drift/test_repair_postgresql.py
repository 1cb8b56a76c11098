"""Every kind of drift: found, as one difference, and repaired by the SQL that it names."""

import pytest
from django.core.management import call_command
from django.db import transaction

from schema.drift.compare import Difference
from schema.drift.repair import differences, script
from schema.introspection.read import read_catalog
from tests.schema.conftest import Migrated
from tests.schema.drift.owners import state, surround
from tests.schema.drift.postgresql_columns import COLUMNS
from tests.schema.drift.postgresql_constraints import CONSTRAINTS
from tests.schema.drift.postgresql_indexes import INDEXES
from tests.schema.drift.postgresql_triggers import TRIGGERS

pytestmark = pytest.mark.engines("postgresql")

KINDS = [
    pytest.param(COLUMNS, id="columns"),
    pytest.param(CONSTRAINTS, id="constraints"),
    pytest.param(INDEXES, id="indexes"),
    pytest.param(TRIGGERS, id="triggers"),
]
DRIFT = COLUMNS | CONSTRAINTS | INDEXES


@pytest.fixture
def names(migrated: Migrated) -> dict[str, str]:
    """Return the foreign keys that Django named, by what they link."""
    short = {"threads": "threads", "chat_messages": "messages"}
    return {
        f"{short[table]}_{constraint.columns[0].removesuffix('_id')}": constraint.name
        for table in short
        for constraint in migrated.expected.tables[table].constraints
        if constraint.kind == "foreign key"
    }


def drift(migrated: Migrated, names: dict[str, str], statements: str) -> list[Difference]:
    for name, value in names.items():
        statements = statements.replace(f"{{{name}}}", value)
    migrated.run(statements.split(";") if "LANGUAGE" not in statements else [statements])
    return migrated.differences()


@pytest.mark.parametrize("kinds", KINDS)
def test_drift_is_found_and_repaired(
    migrated: Migrated, names: dict[str, str], kinds: dict[str, tuple[str, str]]
) -> None:
    """Each kind beside what an owner may have around the table; one database serves all kinds."""
    for kind, (statements, thing) in kinds.items():
        found = drift(migrated, names, statements)
        assert [one.object for one in found] == [thing.format(**names)], kind
        assert found[0].expected != found[0].found
        there = {str(found[0].table)} & read_catalog(migrated.database.connection).tables.keys()
        surround(migrated, there)
        owners = state(migrated)
        assert migrated.tried() == [], kind
        migrated.repair()
        assert (migrated.differences(), state(migrated)) == ([], owners), kind
        migrated.run(["DROP SCHEMA owners CASCADE", "TRUNCATE users CASCADE"])


@pytest.mark.engines("postgresql", "older")
def test_repairs_of_many_differences_run_in_order(migrated: Migrated) -> None:
    statements = """
        ALTER TABLE chat_messages ALTER COLUMN role TYPE text;
        DROP TABLE threads CASCADE;
        DROP TABLE personas CASCADE;
        DROP FUNCTION personas_one_active();
        ALTER TABLE chat_messages DROP COLUMN thread_id CASCADE;
        ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE;
        ALTER TABLE users ALTER COLUMN name DROP NOT NULL
    """
    migrated.run(statements.split(";"))
    assert len(migrated.differences()) > 10
    migrated.repair()
    assert migrated.differences() == []


def test_repairs_for_a_transaction_run_in_one(migrated: Migrated, names: dict[str, str]) -> None:
    for kind in [
        "index invalid",
        "check loosened",
        "unique constraint dropped",
        "NOT NULL dropped",
    ]:
        drift(migrated, names, DRIFT[kind][0])
    catalog = read_catalog(migrated.database.connection)
    found = differences(migrated.expected, catalog, online=False)
    assert len(found) == 4
    with transaction.atomic(using=migrated.database.alias):
        migrated.run(script(found))
    assert migrated.differences() == []


def test_index_on_a_function_is_built_again_with_it(migrated: Migrated) -> None:
    migrated.run(
        [
            "CREATE OR REPLACE FUNCTION chat_search_tokens"
            "(owner uuid, written_at timestamptz, content text) RETURNS tsvector LANGUAGE plpgsql"
            " IMMUTABLE STRICT PARALLEL SAFE COST 1000"
            " AS $$ BEGIN RETURN to_tsvector('pg_catalog.simple', 'nothing'); END $$",
            "INSERT INTO users (email, password_hash) VALUES ('alice@example.com', '')",
            "INSERT INTO chat_messages (user_id, role, content)"
            " SELECT id, 'user', 'Hello' FROM users",
        ]
    )
    found = migrated.differences()
    assert [one.object for one in found] == [
        "function chat_search_tokens(uuid, timestamp with time zone, text)"
    ]
    migrated.run(found[0].repair)
    assert migrated.differences() == []
    with migrated.database.connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(
            "SELECT count(*) FROM chat_messages"
            " WHERE chat_search_tokens(user_id, created_at, content) @@ 'hello'::tsquery"
        )
        assert cursor.fetchone() == (1,)


@pytest.mark.engines("postgresql", "older")
def test_what_others_made_is_no_difference(migrated: Migrated) -> None:
    statements = """
        CREATE TABLE metrics (id serial PRIMARY KEY, user_id uuid REFERENCES users, n int);
        CREATE INDEX idx_personas_user ON personas (user_id);
        ALTER TABLE users ADD COLUMN phone text NOT NULL DEFAULT '';
        ALTER TABLE users ADD CONSTRAINT phone_is_short CHECK (length(phone) < 30);
        ALTER TABLE users ADD CONSTRAINT phone_is_unique UNIQUE (phone, id);
        CREATE TRIGGER metrics_trigger BEFORE INSERT ON users
            FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
        CREATE VIEW names AS SELECT name, email FROM users;
        CREATE SCHEMA other;
        CREATE TABLE other.users (id int);
        CREATE FUNCTION nothing() RETURNS int LANGUAGE sql AS 'SELECT 0';
        CREATE AGGREGATE longest(text) (SFUNC = textcat, STYPE = text);
        CREATE MATERIALIZED VIEW counts AS SELECT count(*) FROM users
    """
    migrated.run(statements.split(";"))
    assert migrated.differences() == []


def test_schema_of_another_name_is_as_expected(migrated: Migrated) -> None:
    statements = """
        CREATE SCHEMA "Odd ""name";
        DROP SCHEMA public CASCADE;
        ALTER DATABASE {name} SET search_path = "Odd ""name"
    """
    migrated.run(statements.replace("{name}", migrated.database.alias).split(";"))
    migrated.database.connection.close()
    call_command("migrate", database=migrated.database.alias, verbosity=0)
    assert migrated.differences() == []


@pytest.mark.engines("postgresql", "older")
def test_restored_expressions_are_as_expected(migrated: Migrated) -> None:
    catalog = read_catalog(migrated.database.connection)
    table = catalog.tables["chat_messages"]
    check = table.constraint("chat_messages_role_check")
    assert check is not None
    statement = f"ALTER TABLE chat_messages DROP CONSTRAINT {check.name}, ADD CONSTRAINT"
    migrated.run([f"{statement} {check.name} {check.definition}"])
    again = read_catalog(migrated.database.connection).tables["chat_messages"]
    assert again.constraint(check.name) != check
    assert migrated.differences() == []
