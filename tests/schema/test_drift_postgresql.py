"""Every kind of drift: found, as one difference, and mended by the SQL that it names."""

import pytest
from django.core.management import call_command
from django.db import transaction

from schema.catalog import read_catalog
from schema.differences import Difference, differences, script
from tests.schema.conftest import Migrated

pytestmark = pytest.mark.postgresql

# What happened to the database, and the one thing that differs then.
DRIFT: dict[str, tuple[str, str]] = {
    "table dropped": (
        "DROP TABLE django_session",
        "table django_session",
    ),
    "table unlogged": (
        "ALTER TABLE django_session SET UNLOGGED",
        "table django_session",
    ),
    "column dropped": (
        "ALTER TABLE users DROP COLUMN is_staff",
        "column users.is_staff",
    ),
    "column without a default dropped": (
        "ALTER TABLE schema_quarantine DROP COLUMN reason",
        "column schema_quarantine.reason",
    ),
    "type narrowed": (
        "ALTER TABLE chat_messages ALTER COLUMN role TYPE varchar(20)",
        "column chat_messages.role",
    ),
    "type widened": (
        "ALTER TABLE chat_messages ALTER COLUMN role TYPE varchar(100)",
        "column chat_messages.role",
    ),
    "type of a column that a trigger reads": (
        "DROP TRIGGER threads_null_means_default ON threads;"
        "ALTER TABLE threads ALTER COLUMN description TYPE varchar(500);"
        "CREATE TRIGGER threads_null_means_default BEFORE INSERT OR UPDATE ON threads"
        " FOR EACH ROW WHEN (NEW.description IS NULL)"
        " EXECUTE FUNCTION threads_null_means_default()",
        "column threads.description",
    ),
    "integer made bigint": (
        "ALTER TABLE threads ALTER COLUMN message_count TYPE bigint",
        "column threads.message_count",
    ),
    "time zone lost": (
        "ALTER TABLE schema_quarantine ALTER COLUMN quarantined_at TYPE timestamp",
        "column schema_quarantine.quarantined_at",
    ),
    "jsonb made json": (
        "ALTER TABLE schema_quarantine ALTER COLUMN row TYPE json",
        "column schema_quarantine.row",
    ),
    "NOT NULL dropped": (
        "ALTER TABLE chat_messages ALTER COLUMN content DROP NOT NULL",
        "column chat_messages.content",
    ),
    "NOT NULL dropped where a default fills in": (
        "ALTER TABLE chat_messages ALTER COLUMN created_at DROP NOT NULL;"
        "INSERT INTO users (email, password_hash) VALUES ('alice@example.com', '');"
        "INSERT INTO chat_messages (user_id, role, content, created_at)"
        " SELECT id, 'user', '', NULL FROM users",
        "column chat_messages.created_at",
    ),
    "NOT NULL added": (
        "ALTER TABLE threads ALTER COLUMN persona_id SET NOT NULL",
        "column threads.persona_id",
    ),
    "default dropped": (
        "ALTER TABLE users ALTER COLUMN id DROP DEFAULT",
        "column users.id",
    ),
    "default changed": (
        "ALTER TABLE personas ALTER COLUMN color SET DEFAULT '#000000'",
        "column personas.color",
    ),
    "default added": (
        "ALTER TABLE threads ALTER COLUMN title SET DEFAULT 'Untitled'",
        "column threads.title",
    ),
    "collation changed": (
        'ALTER TABLE threads ALTER COLUMN title TYPE varchar(255) COLLATE "C"',
        "column threads.title",
    ),
    "identity dropped": (
        "ALTER TABLE schema_quarantine ALTER COLUMN id DROP IDENTITY",
        "column schema_quarantine.id",
    ),
    "identity made strict": (
        "ALTER TABLE schema_quarantine ALTER COLUMN id SET GENERATED ALWAYS",
        "column schema_quarantine.id",
    ),
    "identity made a serial": (
        "ALTER TABLE schema_quarantine ALTER COLUMN id DROP IDENTITY;"
        "CREATE SEQUENCE quarantine_seq;"
        "ALTER TABLE schema_quarantine"
        " ALTER COLUMN id SET DEFAULT nextval('quarantine_seq')",
        "column schema_quarantine.id",
    ),
    "primary key dropped": (
        "ALTER TABLE schema_quarantine DROP CONSTRAINT schema_quarantine_pkey",
        "primary key schema_quarantine.schema_quarantine_pkey",
    ),
    "primary key on another column": (
        "ALTER TABLE schema_quarantine DROP CONSTRAINT schema_quarantine_pkey;"
        "ALTER TABLE schema_quarantine ALTER COLUMN reason SET NOT NULL;"
        "ALTER TABLE schema_quarantine ADD PRIMARY KEY (reason)",
        "primary key schema_quarantine.schema_quarantine_pkey",
    ),
    "primary key renamed": (
        "ALTER TABLE users RENAME CONSTRAINT users_pkey TO users_primary",
        "primary key users.users_pkey",
    ),
    "unique constraint dropped": (
        "ALTER TABLE users DROP CONSTRAINT users_email_key",
        "unique users.users_email_key",
    ),
    "unique constraint made a plain index": (
        "ALTER TABLE users DROP CONSTRAINT users_email_key;"
        "CREATE INDEX users_email_key ON users (email)",
        "unique users.users_email_key",
    ),
    "unique constraint on fewer columns": (
        "DELETE FROM schema_batch_progress;"
        "ALTER TABLE schema_batch_progress DROP CONSTRAINT schema_batch_progress_step_key,"
        " ADD CONSTRAINT schema_batch_progress_step_key UNIQUE (app, name)",
        "unique schema_batch_progress.schema_batch_progress_step_key",
    ),
    "unique constraint made deferrable": (
        "ALTER TABLE users DROP CONSTRAINT users_email_key,"
        " ADD CONSTRAINT users_email_key UNIQUE (email) DEFERRABLE",
        "unique users.users_email_key",
    ),
    "check dropped": (
        "ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_role_check",
        "check chat_messages.chat_messages_role_check",
    ),
    "check loosened": (
        "ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_role_check,"
        " ADD CONSTRAINT chat_messages_role_check"
        " CHECK (role IN ('user', 'assistant', 'twin', 'system'))",
        "check chat_messages.chat_messages_role_check",
    ),
    "check tightened": (
        "ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_role_check,"
        " ADD CONSTRAINT chat_messages_role_check CHECK (role IN ('user', 'assistant'))",
        "check chat_messages.chat_messages_role_check",
    ),
    "check not valid": (
        "ALTER TABLE personas DROP CONSTRAINT personas_color_check,"
        " ADD CONSTRAINT personas_color_check CHECK (color ~ '^#[0-9A-Fa-f]{6}$') NOT VALID",
        "check personas.personas_color_check",
    ),
    "check renamed": (
        "ALTER TABLE personas RENAME CONSTRAINT personas_color_check TO color_is_hex",
        "check personas.personas_color_check",
    ),
    "foreign key dropped": (
        "ALTER TABLE threads DROP CONSTRAINT {threads_user}",
        "foreign key threads.{threads_user}",
    ),
    "foreign key without its action": (
        "ALTER TABLE threads DROP CONSTRAINT {threads_user}, ADD CONSTRAINT {threads_user}"
        " FOREIGN KEY (user_id) REFERENCES users DEFERRABLE INITIALLY DEFERRED",
        "foreign key threads.{threads_user}",
    ),
    "foreign key with another action": (
        "ALTER TABLE threads DROP CONSTRAINT {threads_persona}, ADD CONSTRAINT {threads_persona}"
        " FOREIGN KEY (persona_id) REFERENCES personas ON DELETE CASCADE"
        " DEFERRABLE INITIALLY DEFERRED",
        "foreign key threads.{threads_persona}",
    ),
    "foreign key no longer deferrable": (
        "ALTER TABLE threads ALTER CONSTRAINT {threads_user} NOT DEFERRABLE",
        "foreign key threads.{threads_user}",
    ),
    "foreign key no longer deferred": (
        "ALTER TABLE threads ALTER CONSTRAINT {threads_user} DEFERRABLE INITIALLY IMMEDIATE",
        "foreign key threads.{threads_user}",
    ),
    "foreign key to another table": (
        "ALTER TABLE threads DROP CONSTRAINT {threads_persona}, ADD CONSTRAINT {threads_persona}"
        " FOREIGN KEY (persona_id) REFERENCES users ON DELETE SET NULL"
        " DEFERRABLE INITIALLY DEFERRED",
        "foreign key threads.{threads_persona}",
    ),
    "foreign key not valid": (
        "ALTER TABLE threads DROP CONSTRAINT {threads_user}, ADD CONSTRAINT {threads_user}"
        " FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE"
        " DEFERRABLE INITIALLY DEFERRED NOT VALID",
        "foreign key threads.{threads_user}",
    ),
    "foreign key by another name and without its action": (
        "ALTER TABLE threads DROP CONSTRAINT {threads_user},"
        " ADD CONSTRAINT threads_user_id_fkey FOREIGN KEY (user_id) REFERENCES users",
        "foreign key threads.{threads_user}",
    ),
    "foreign key's triggers disabled": (
        "UPDATE pg_trigger SET tgenabled = 'D' WHERE tgconstraint ="
        " (SELECT oid FROM pg_constraint WHERE conname = '{threads_user}')",
        "foreign key threads.{threads_user}",
    ),
    "index dropped": (
        "DROP INDEX chat_messages_thread_idx",
        "index chat_messages.chat_messages_thread_idx",
    ),
    "index renamed": (
        "ALTER INDEX chat_messages_thread_idx RENAME TO idx_messages_thread",
        "index chat_messages.chat_messages_thread_idx",
    ),
    "index with its columns in the wrong order": (
        "DROP INDEX chat_messages_thread_idx;"
        "CREATE INDEX chat_messages_thread_idx ON chat_messages (created_at, thread_id, id)",
        "index chat_messages.chat_messages_thread_idx",
    ),
    "index that is no longer descending": (
        "DROP INDEX chat_messages_user_idx;"
        "CREATE INDEX chat_messages_user_idx ON chat_messages (user_id, created_at, id)",
        "index chat_messages.chat_messages_user_idx",
    ),
    "index of another method": (
        "DROP INDEX threads_persona_idx;"
        "CREATE INDEX threads_persona_idx ON threads USING hash (persona_id)",
        "index threads.threads_persona_idx",
    ),
    "index on another expression": (
        "DROP INDEX threads_recent_idx;"
        "CREATE INDEX threads_recent_idx ON threads (user_id, last_message_at DESC, id DESC)",
        "index threads.threads_recent_idx",
    ),
    "index made partial": (
        "DROP INDEX threads_persona_idx;"
        "CREATE INDEX threads_persona_idx ON threads (persona_id) WHERE persona_id IS NOT NULL",
        "index threads.threads_persona_idx",
    ),
    "index invalid": (
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'chat_messages_thread_idx'::regclass",
        "index chat_messages.chat_messages_thread_idx",
    ),
    "partial unique index without its condition": (
        "DROP INDEX personas_one_active;"
        "CREATE UNIQUE INDEX personas_one_active ON personas (user_id)",
        "index personas.personas_one_active",
    ),
    "partial unique index with another condition": (
        "DROP INDEX personas_one_active;"
        "CREATE UNIQUE INDEX personas_one_active ON personas (user_id) WHERE NOT is_active",
        "index personas.personas_one_active",
    ),
    "unique index made plain": (
        "DROP INDEX users_email_lower_key;"
        "CREATE INDEX users_email_lower_key ON users (lower(email))",
        "index users.users_email_lower_key",
    ),
    "unique index that minds the case": (
        "DROP INDEX users_email_lower_key;"
        "CREATE UNIQUE INDEX users_email_lower_key ON users (email)",
        "index users.users_email_lower_key",
    ),
    "trigger dropped": (
        "DROP TRIGGER chat_messages_count_insert ON chat_messages",
        "trigger chat_messages.chat_messages_count_insert",
    ),
    "trigger disabled": (
        "ALTER TABLE personas DISABLE TRIGGER personas_one_active_insert",
        "trigger personas.personas_one_active_insert",
    ),
    "trigger on replicas only": (
        "ALTER TABLE personas ENABLE REPLICA TRIGGER personas_one_active_insert",
        "trigger personas.personas_one_active_insert",
    ),
    "trigger renamed": (
        "ALTER TRIGGER chat_messages_count_insert ON chat_messages RENAME TO counting",
        "trigger chat_messages.chat_messages_count_insert",
    ),
    "trigger without its condition": (
        "DROP TRIGGER chat_messages_general_thread ON chat_messages;"
        "CREATE TRIGGER chat_messages_general_thread BEFORE INSERT OR UPDATE ON chat_messages"
        " FOR EACH ROW EXECUTE FUNCTION chat_messages_general_thread()",
        "trigger chat_messages.chat_messages_general_thread",
    ),
    "trigger on fewer events": (
        "DROP TRIGGER threads_null_means_default ON threads;"
        "CREATE TRIGGER threads_null_means_default BEFORE INSERT ON threads"
        " FOR EACH ROW WHEN (NEW.description IS NULL)"
        " EXECUTE FUNCTION threads_null_means_default()",
        "trigger threads.threads_null_means_default",
    ),
    "trigger that calls another function": (
        "DROP TRIGGER threads_null_means_default ON threads;"
        "CREATE TRIGGER threads_null_means_default BEFORE INSERT OR UPDATE ON threads"
        " FOR EACH ROW WHEN (NEW.description IS NULL)"
        " EXECUTE FUNCTION chat_messages_general_thread()",
        "trigger threads.threads_null_means_default",
    ),
    "function's body replaced": (
        "CREATE OR REPLACE FUNCTION chat_messages_count_insert() RETURNS trigger"
        " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "function chat_messages_count_insert()",
    ),
    "function made to run as its owner": (
        "ALTER FUNCTION chat_messages_general_thread() SECURITY DEFINER",
        "function chat_messages_general_thread()",
    ),
    "function dropped": (
        "DROP FUNCTION threads_general_of(uuid)",
        "function threads_general_of(uuid)",
    ),
    "function's result changed": (
        "DROP FUNCTION threads_general_of(uuid);"
        "CREATE FUNCTION threads_general_of(owner uuid) RETURNS text"
        " LANGUAGE sql AS 'SELECT NULL::text'",
        "function threads_general_of(uuid)",
    ),
    "function's argument renamed": (
        "DROP FUNCTION threads_general_of(uuid);"
        "CREATE FUNCTION threads_general_of(person uuid) RETURNS uuid"
        " LANGUAGE sql AS 'SELECT NULL::uuid'",
        "function threads_general_of(uuid)",
    ),
}


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


@pytest.mark.parametrize("kind", DRIFT)
def test_drift_is_found_and_mended(migrated: Migrated, names: dict[str, str], kind: str) -> None:
    statements, thing = DRIFT[kind]
    found = drift(migrated, names, statements)
    assert [difference.object for difference in found] == [thing.format(**names)]
    assert found[0].expected != found[0].found
    migrated.run(found[0].mend)
    assert migrated.differences() == []


@pytest.mark.every_server
def test_mends_of_many_differences_run_in_order(migrated: Migrated) -> None:
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
    migrated.mend()
    assert migrated.differences() == []


def test_mends_for_a_transaction_run_in_one(migrated: Migrated, names: dict[str, str]) -> None:
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
            "CREATE OR REPLACE FUNCTION chat_search_document"
            "(owner uuid, said_at timestamptz, said text) RETURNS tsvector LANGUAGE plpgsql"
            " IMMUTABLE STRICT PARALLEL SAFE COST 1000"
            " AS $$ BEGIN RETURN to_tsvector('pg_catalog.simple', 'nothing'); END $$",
            "INSERT INTO users (email, password_hash) VALUES ('alice@example.com', '')",
            "INSERT INTO chat_messages (user_id, role, content)"
            " SELECT id, 'user', 'Hello' FROM users",
        ]
    )
    found = migrated.differences()
    assert [one.object for one in found] == [
        "function chat_search_document(uuid, timestamp with time zone, text)"
    ]
    migrated.run(found[0].mend)
    assert migrated.differences() == []
    with migrated.database.connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(
            "SELECT count(*) FROM chat_messages"
            " WHERE chat_search_document(user_id, created_at, content) @@ 'hello'::tsquery"
        )
        assert cursor.fetchone() == (1,)


@pytest.mark.every_server
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


@pytest.mark.every_server
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
