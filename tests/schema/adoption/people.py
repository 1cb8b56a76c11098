"""Rows of an old database, and the dirt in them: lists of single statements.

The keys are easy to tell apart: those of users begin with aaaaaaaa.
"""


def key(kind: str, number: int) -> str:
    """Return a key that is easy to read in a failing test."""
    return f"{kind * 8}-0000-4000-8000-{number:012d}"


ALICE, BOB, CAROL = (key("a", number) for number in (1, 2, 3))
# What bcryptjs writes for the password.
PASSWORD = "hunter2 from before"
HASH = "$2a$10$2o0kcSYF9xgTLAETeDAvVeNOV0.igD0Vsr5aI8DzFogDBKHnInH4a"

PEOPLE = [
    f"INSERT INTO users (id, email, password_hash, name, created_at, updated_at) VALUES"
    f" ('{ALICE}', 'alice@example.com', '{HASH}', 'Alice', '2024-01-01Z', '2024-06-01Z'),"
    f" ('{BOB}', 'Bob@Example.com', '{HASH}', '', '2024-02-01Z', '2024-02-01Z'),"
    f" ('{CAROL}', 'carol@example.com', '{HASH}', NULL, '2024-03-01Z', '2024-03-01Z')",
    f"INSERT INTO personas (id, user_id, name, metadata, created_at) VALUES"
    f" ('{key('d', 1)}', '{ALICE}', 'Formal', '{{\"tone\": \"formal\"}}', '2024-01-02Z'),"
    f" ('{key('d', 2)}', '{ALICE}', 'Casual', '{{}}', '2024-01-03Z'),"
    f" ('{key('d', 3)}', '{ALICE}', '', '{{\"riskLevel\": 3}}', '2024-01-04Z'),"
    f" ('{key('d', 4)}', '{BOB}', 'My Twin', '{{}}', '2024-02-02Z')",
]
OTHER_ROWS = [
    f"INSERT INTO persona_samples (persona_id, content)"
    f" VALUES ('{key('d', 1)}', 'Dear Sir'), ('{key('d', 4)}', 'yo')",
    f"INSERT INTO messages (user_id, body) VALUES ('{ALICE}', 'mail'), ('{BOB}', NULL)",
    f"INSERT INTO actions (user_id, persona_id, kind) VALUES ('{ALICE}', '{key('d', 2)}', 'x')",
    f"INSERT INTO metrics (user_id, value) VALUES ('{CAROL}', 1.50)",
]
TALK = [
    f"INSERT INTO chat_messages (id, user_id, role, content, created_at)"
    f" SELECT ('eeeeeeee-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,"
    f" CASE n % 2 WHEN 0 THEN '{ALICE}'::uuid ELSE '{BOB}'::uuid END,"
    f" CASE n % 3 WHEN 0 THEN 'user' ELSE 'assistant' END,"
    f" CASE n WHEN 1 THEN '' WHEN 2 THEN repeat('größer 漢字 🙂 ', 50000)"
    f" ELSE E'line \\\\ one\\n\\ttab ' || n END,"
    f" '2024-03-01Z'::timestamptz + n * interval '1 hour'"
    f" FROM generate_series(1, 12) AS n",
]
# With thread links to nowhere.
TALK_LINKED = [*TALK, f"UPDATE chat_messages SET thread_id = '{key('f', 99)}' WHERE role = 'user'"]

OWNERLESS_PERSONA = [
    f"INSERT INTO personas (id, user_id, name, metadata)"
    f" VALUES ('{key('d', 7)}', NULL, 'Nobody''s', '{{\"tone\": \"x\"}}')"
]
NULL_TIMES = [
    f"UPDATE users SET created_at = NULL, updated_at = NULL WHERE id = '{ALICE}'",
    f"UPDATE users SET created_at = NULL WHERE id = '{BOB}'",
    f"UPDATE personas SET created_at = NULL, name = NULL WHERE id = '{key('d', 2)}'",
]
NULL_MESSAGE_TIMES = [
    f"UPDATE chat_messages SET created_at = NULL WHERE id = '{key('e', 3)}'",
    f"UPDATE chat_messages SET created_at = NULL, updated_at = NULL WHERE id = '{key('e', 4)}'",
]
NULL_METADATA = [f"UPDATE personas SET metadata = NULL WHERE id = '{key('d', 1)}'"]
NO_COLOURS = [
    f"UPDATE personas SET color = 'red' WHERE id = '{key('d', 1)}'",
    f"UPDATE personas SET color = NULL, description = NULL WHERE id = '{key('d', 2)}'",
]
NONE_ACTIVE = [f"UPDATE personas SET is_active = false WHERE user_id = '{ALICE}'"]
NULL_ACTIVE = [f"UPDATE personas SET is_active = NULL WHERE user_id = '{BOB}'"]
FOREIGN_LINK = [
    f"INSERT INTO threads (id, user_id, title) VALUES ('{key('f', 1)}', '{BOB}', 'Bob''s')",
    f"UPDATE chat_messages SET thread_id = '{key('f', 1)}' WHERE id = '{key('e', 2)}'",
]
OWN_THREAD = [
    f"INSERT INTO threads (id, user_id, persona_id, title, description, created_at, updated_at)"
    f" VALUES ('{key('f', 2)}', '{ALICE}', '{key('d', 1)}', '', NULL, NULL, NULL)",
    f"UPDATE chat_messages SET thread_id = '{key('f', 2)}' WHERE id = '{key('e', 4)}'",
    f"UPDATE threads SET message_count = NULL WHERE id = '{key('f', 2)}'",
]
NEWER_MESSAGES = [
    f"INSERT INTO chat_messages (user_id, role, content) VALUES ('{CAROL}', 'user', 'newer')"
]
EARLY_TALK = [
    *TALK,
    f"UPDATE chat_messages SET persona_id = '{key('d', 1)}', confidence = 0.75"
    f" WHERE id = '{key('e', 4)}'",
]
# Of a persona with a user, of one without, and of none.
OWNERLESS_MESSAGES = [
    f"INSERT INTO chat_messages (id, user_id, persona_id, role, content) VALUES"
    f" ('{key('e', 51)}', NULL, '{key('d', 4)}', 'user', 'bob''s'),"
    f" ('{key('e', 52)}', NULL, '{key('d', 7)}', 'user', 'nobody''s'),"
    f" ('{key('e', 53)}', NULL, NULL, 'assistant', 'of nothing'),"
    f" ('{key('e', 54)}', '{ALICE}', '{key('d', 7)}', 'user', 'alice''s, by nobody''s persona')"
]
VIEWS = [
    "CREATE VIEW recent AS SELECT u.email, m.role, m.content, m.created_at FROM users u"
    " JOIN chat_messages m ON m.user_id = u.id ORDER BY m.created_at DESC",
    "CREATE VIEW recent_count AS SELECT email, role, count(*) AS n FROM recent GROUP BY 1, 2",
    "COMMENT ON VIEW recent IS 'the owner''s'",
    "GRANT SELECT ON recent TO PUBLIC",
]
TRIGGERS = [
    "CREATE TABLE audit (at timestamptz DEFAULT now(), what text)",
    "CREATE FUNCTION audit_message() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN INSERT INTO audit (what) VALUES (TG_OP); RETURN NEW; END $$",
    "CREATE TRIGGER audit_message AFTER INSERT ON chat_messages"
    " FOR EACH ROW WHEN (NEW.role = 'user') EXECUTE FUNCTION audit_message()",
]
