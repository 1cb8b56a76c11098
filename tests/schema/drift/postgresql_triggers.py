"""Drift of triggers and functions on PostgreSQL."""

# What happened to the database, and the one thing that differs then.
TRIGGERS: dict[str, tuple[str, str]] = {
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
