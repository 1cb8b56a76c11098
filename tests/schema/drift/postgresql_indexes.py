"""Drift of indexes on PostgreSQL."""

# What happened to the database, and the one thing that differs then.
INDEXES: dict[str, tuple[str, str]] = {
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
}
