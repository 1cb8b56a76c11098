"""What an owner may have added to a database by hand: single statements, by kind and name.

Statements run as psql runs them, so one that does not apply to a state fails alone. Tables of
the owner's own are named `own_…`; what triggers and rules write into them may change.
"""

from tests.schema.adoption import people as p

TABLES = ("users", "personas", "chat_messages", "threads")


def trigger(name: str, table: str, when: str, body: str) -> list[str]:
    """Return a row trigger with a function of its own."""
    return [
        f"CREATE FUNCTION own_{name}_{table}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {body} END $$",
        f"CREATE TRIGGER own_{name} {when} ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION own_{name}_{table}()",
    ]


LOG = "CREATE TABLE IF NOT EXISTS own_log (at timestamptz DEFAULT clock_timestamp(), what text)"

TRIGGERS = {
    f"{name} on {table}": statements
    for table in TABLES
    for name, statements in {
        "trigger that skips updates": trigger("skip", table, "BEFORE UPDATE", "RETURN NULL;"),
        "trigger that undoes updates": trigger("undo", table, "BEFORE UPDATE", "RETURN OLD;"),
        "trigger that skips inserts": trigger("refuse", table, "BEFORE INSERT", "RETURN NULL;"),
        "trigger that raises": trigger(
            "raise", table, "BEFORE UPDATE OR DELETE", "RAISE EXCEPTION 'read only';"
        ),
        "trigger that stamps": trigger(
            "stamp", table, "BEFORE UPDATE", "NEW.updated_at = now(); RETURN NEW;"
        ),
        "trigger that logs": [
            LOG,
            *trigger(
                "log",
                table,
                "AFTER INSERT OR UPDATE OR DELETE",
                "INSERT INTO own_log (what) VALUES (TG_OP); RETURN NULL;",
            ),
        ],
    }.items()
}
RULES = {
    f"{name} on {table}": statements
    for table in TABLES
    for name, statements in {
        "rule that drops updates": [
            f"CREATE RULE own_rule AS ON UPDATE TO {table} DO INSTEAD NOTHING"
        ],
        "rule that drops inserts": [
            f"CREATE RULE own_rule AS ON INSERT TO {table} DO INSTEAD NOTHING"
        ],
        "rule that logs": [
            LOG,
            f"CREATE RULE own_rule AS ON UPDATE TO {table}"
            f" DO ALSO INSERT INTO own_log (what) VALUES ('{table}')",
        ],
    }.items()
}
POLICIES = {
    f"{name} on {table}": statements
    for table in TABLES
    for name, statements in {
        "policy without force": [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"],
        "policy that hides all": [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        ],
        "policy that hides some": [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY own_policy ON {table} USING (id::text LIKE '%1')",
        ],
    }.items()
}
PRIVILEGES = {
    f"{name} on {table}": [statement]
    for table in TABLES
    for name, statement in {
        "no right to select": f"REVOKE SELECT ON {table} FROM PUBLIC, twin_owner",
        "no right to update": f"REVOKE UPDATE ON {table} FROM PUBLIC, twin_owner",
    }.items()
} | {
    "schema that is somebody else's": ["REVOKE CREATE ON SCHEMA public FROM PUBLIC, twin_owner"],
}
TYPES = {
    "enum called threads": ["CREATE TYPE threads AS ENUM ('a', 'b')"],
    "domain called replies": ["CREATE DOMAIN chat_replies AS text"],
    "sequence called threads": ["CREATE SEQUENCE threads"],
    "view called threads": ["CREATE VIEW threads AS SELECT 1 AS id"],
    "attempts of another program": ["CREATE TABLE attempts (id serial PRIMARY KEY, score int)"],
    "column for another purpose": ["ALTER TABLE users ADD COLUMN is_staff boolean DEFAULT true"],
    "column of superusers": ["ALTER TABLE users ADD COLUMN is_superuser boolean DEFAULT true"],
    "inheritance child": ["CREATE TABLE own_messages () INHERITS (chat_messages)"],
    "role as enum": [
        "CREATE TYPE own_role AS ENUM ('user', 'assistant', 'twin')",
        "ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_role_check",
        "ALTER TABLE chat_messages ALTER COLUMN role TYPE own_role USING role::own_role",
    ],
    "generated column": [
        "ALTER TABLE chat_messages ADD COLUMN own_size integer"
        " GENERATED ALWAYS AS (length(content)) STORED"
    ],
    "materialised view": [
        "CREATE MATERIALIZED VIEW own_counts AS"
        " SELECT user_id, count(*) FROM chat_messages GROUP BY user_id"
    ],
    "foreign key of another schema": [
        "CREATE SCHEMA own",
        "CREATE TABLE own.notes (message_id uuid REFERENCES chat_messages (id))",
    ],
    "unlogged messages": ["ALTER TABLE chat_messages SET UNLOGGED"],
    "own index": ["CREATE INDEX own_index ON chat_messages (role, created_at)"],
    "statistics": ["CREATE STATISTICS own_statistics ON user_id, role FROM chat_messages"],
    "views": p.VIEWS,
}
PUBLICATIONS = {
    f"{name} of {table}": statements
    for table, column in {
        "users": "email",
        "personas": "name",
        "chat_messages": "role",
        "threads": "title",
    }.items()
    for name, statements in {
        "publication": [f"CREATE PUBLICATION own_publication FOR TABLE {table}"],
        "publication without replica identity": [
            f"CREATE PUBLICATION own_publication FOR TABLE {table}",
            f"ALTER TABLE {table} REPLICA IDENTITY NOTHING",
        ],
        "publication with full replica identity": [
            f"CREATE PUBLICATION own_publication FOR TABLE {table}",
            f"ALTER TABLE {table} REPLICA IDENTITY FULL",
        ],
        "publication with a row filter": [
            f"CREATE PUBLICATION own_publication FOR TABLE {table} WHERE ({column} <> 'x')"
        ],
    }.items()
}
FORBID = (
    "CREATE FUNCTION own_forbid() RETURNS event_trigger LANGUAGE plpgsql"
    " AS $$ BEGIN RAISE 'the schema is frozen'; END $$"
)
EVENT_TRIGGERS = {
    "that forbids every change": [
        FORBID,
        "CREATE EVENT TRIGGER own_event ON ddl_command_start EXECUTE FUNCTION own_forbid()",
    ],
    "that forbids indexes": [
        FORBID,
        "CREATE EVENT TRIGGER own_event ON ddl_command_start WHEN TAG IN ('CREATE INDEX')"
        " EXECUTE FUNCTION own_forbid()",
    ],
    "that forbids to drop": [
        FORBID,
        "CREATE EVENT TRIGGER own_event ON sql_drop EXECUTE FUNCTION own_forbid()",
    ],
    "that logs": [
        "CREATE TABLE own_changes (tag text)",
        "GRANT ALL ON own_changes TO PUBLIC",
        "CREATE FUNCTION own_record() RETURNS event_trigger LANGUAGE plpgsql"
        " AS $$ BEGIN INSERT INTO public.own_changes VALUES (tg_tag); END $$",
        "CREATE EVENT TRIGGER own_event ON ddl_command_end EXECUTE FUNCTION own_record()",
    ],
}
SCHEMAS = {
    "named like the owner": ["CREATE SCHEMA twin_owner AUTHORIZATION twin_owner"],
    "named like the superuser": ["CREATE SCHEMA postgres"],
    "named like the owner, with empty copies": [
        "CREATE SCHEMA twin_owner AUTHORIZATION twin_owner",
        "CREATE TABLE twin_owner.users (LIKE public.users INCLUDING ALL)",
        "CREATE TABLE twin_owner.chat_messages (LIKE public.chat_messages INCLUDING ALL)",
        "ALTER TABLE twin_owner.users OWNER TO twin_owner",
        "ALTER TABLE twin_owner.chat_messages OWNER TO twin_owner",
    ],
    "of copies": [
        "CREATE SCHEMA copies",
        "CREATE TABLE copies.users AS TABLE users",
        "CREATE TABLE copies.personas AS TABLE personas",
    ],
}
# Of the database, or of the role that migrates.
SETTINGS = {
    name: f"SET {name.replace(' = ', ' TO ')}"
    for name in (
        "statement_timeout = '2s'",
        "lock_timeout = '300ms'",
        "idle_in_transaction_session_timeout = '1s'",
        "DateStyle = 'German'",
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = 'sql_standard'",
        "TimeZone = 'Pacific/Apia'",
        "search_path = ''",
        "search_path = 'own_first, public'",
        "default_transaction_read_only = on",
        "default_transaction_isolation = 'serializable'",
        "bytea_output = 'escape'",
        "extra_float_digits = -3",
        "enable_seqscan = off",
        "synchronous_commit = off",
        "client_min_messages = 'error'",
        "work_mem = '64kB'",
        "jit = off",
        "row_security = off",
        "session_replication_role = 'replica'",
    )
}
DIRT = {
    "times without end": [
        "UPDATE chat_messages SET created_at = 'infinity' WHERE content LIKE '%3'",
        "UPDATE users SET created_at = '-infinity' WHERE email LIKE 'carol%'",
    ],
    "times before Christ": [
        "UPDATE chat_messages SET created_at = '0044-03-15 BC' WHERE content LIKE '%4'"
    ],
    "times of the far future": [
        "UPDATE personas SET created_at = '12024-01-01Z' WHERE name = 'Formal'"
    ],
    "metadata that is no object": [
        "UPDATE personas SET metadata = '[1, \"two\"]' WHERE name = 'Casual'"
    ],
    "e-mails that differ in case": [
        "INSERT INTO users (email, password_hash) VALUES ('ALICE@example.com', 'x')"
    ],
    "empty e-mail": ["INSERT INTO users (email, password_hash) VALUES ('', 'x')"],
    "long name": ["UPDATE personas SET name = repeat('name ', 200) WHERE name = 'Formal'"],
    "title with control characters": [
        "UPDATE threads SET title = E'a\\u0001\\u202Eb' WHERE title = 'General'"
    ],
}
KINDS = {
    "trigger": TRIGGERS,
    "rule": RULES,
    "policy": POLICIES,
    "privilege": PRIVILEGES,
    "type": TYPES,
    "publication": PUBLICATIONS,
    "event trigger": EVENT_TRIGGERS,
    "schema": SCHEMAS,
    "dirt": DIRT,
}
