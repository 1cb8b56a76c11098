"""Drift on SQLite."""

ROLE_CHECK = (
    ", CONSTRAINT \"chat_messages_role_check\" CHECK (\"role\" IN ('user', 'assistant', 'twin'))"
)
TO_USERS = 'REFERENCES "users" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED'

# A table, what its definition said, what it says now, and the one thing that differs then.
TABLE_DRIFT: dict[str, tuple[str, str, str, str]] = {
    "column dropped": (
        "schema_quarantine",
        '"reason" text NOT NULL, ',
        "",
        "column schema_quarantine.reason",
    ),
    "type changed": (
        "threads",
        '"title" varchar(255)',
        '"title" varchar(100)',
        "column threads.title",
    ),
    "NOT NULL dropped": (
        "threads",
        '"title" varchar(255) NOT NULL',
        '"title" varchar(255)',
        "column threads.title",
    ),
    "NOT NULL added": (
        "threads",
        '"last_message_at" datetime NULL',
        '"last_message_at" datetime NOT NULL',
        "column threads.last_message_at",
    ),
    "default dropped": (
        "threads",
        '"message_count" integer DEFAULT 0 NOT NULL',
        '"message_count" integer NOT NULL',
        "column threads.message_count",
    ),
    "default changed": (
        "personas",
        "DEFAULT '#4f46e5'",
        "DEFAULT '#000000'",
        "column personas.color",
    ),
    "collation added": (
        "threads",
        '"title" varchar(255)',
        '"title" varchar(255) COLLATE NOCASE',
        "column threads.title",
    ),
    "AUTOINCREMENT lost": (
        "schema_quarantine",
        "PRIMARY KEY AUTOINCREMENT",
        "PRIMARY KEY",
        "primary key schema_quarantine.(id)",
    ),
    "primary key dropped": (
        "threads",
        " PRIMARY KEY",
        "",
        "primary key threads.(id)",
    ),
    "unique constraint dropped": (
        "users",
        ', CONSTRAINT "users_email_key" UNIQUE ("email")',
        "",
        "unique users.users_email_key",
    ),
    "unique constraint renamed": (
        "users",
        '"users_email_key"',
        '"users_email"',
        "unique users.users_email_key",
    ),
    "unique constraint on fewer columns": (
        "schema_batch_progress",
        'UNIQUE ("app", "name", "step")',
        'UNIQUE ("app", "name")',
        "unique schema_batch_progress.schema_batch_progress_step_key",
    ),
    "check dropped": (
        "chat_messages",
        ROLE_CHECK,
        "",
        "check chat_messages.chat_messages_role_check",
    ),
    "check changed": (
        "chat_messages",
        "'assistant', 'twin'",
        "'assistant', 'system'",
        "check chat_messages.chat_messages_role_check",
    ),
    "check without a name dropped": (
        "personas",
        ' CHECK ((JSON_VALID("metadata") OR "metadata" IS NULL))',
        "",
        "check personas.(metadata)",
    ),
    "foreign key dropped": (
        "threads",
        TO_USERS,
        "",
        "foreign key threads.(user_id)",
    ),
    "foreign key without its action": (
        "threads",
        TO_USERS,
        TO_USERS.replace(" ON DELETE CASCADE", ""),
        "foreign key threads.(user_id)",
    ),
    "foreign key with another action": (
        "threads",
        " ON DELETE SET NULL",
        " ON DELETE CASCADE",
        "foreign key threads.(persona_id)",
    ),
    "foreign key no longer deferrable": (
        "threads",
        TO_USERS,
        TO_USERS.replace(" DEFERRABLE INITIALLY DEFERRED", ""),
        "foreign key threads.(user_id)",
    ),
    "foreign key to another table": (
        "threads",
        'REFERENCES "personas"',
        'REFERENCES "users"',
        "foreign key threads.(persona_id)",
    ),
    "table made strict about row ids": (
        "django_session",
        "",
        " WITHOUT ROWID",
        "table django_session",
    ),
}

DRIFT: dict[str, tuple[list[str], str]] = {
    "table dropped": (
        ["DROP TABLE django_session"],
        "table django_session",
    ),
    "index dropped": (
        ["DROP INDEX chat_messages_thread_idx"],
        "index chat_messages.chat_messages_thread_idx",
    ),
    "index renamed": (
        [
            "DROP INDEX threads_persona_idx",
            "CREATE INDEX idx_threads_persona ON threads (persona_id)",
        ],
        "index threads.threads_persona_idx",
    ),
    "index with its columns in the wrong order": (
        [
            "DROP INDEX chat_messages_thread_idx",
            "CREATE INDEX chat_messages_thread_idx ON chat_messages (created_at, thread_id, id)",
        ],
        "index chat_messages.chat_messages_thread_idx",
    ),
    "index that is no longer descending": (
        [
            "DROP INDEX chat_messages_user_idx",
            "CREATE INDEX chat_messages_user_idx ON chat_messages (user_id, created_at, id)",
        ],
        "index chat_messages.chat_messages_user_idx",
    ),
    "partial unique index without its condition": (
        [
            "DROP INDEX personas_one_active",
            "CREATE UNIQUE INDEX personas_one_active ON personas (user_id)",
        ],
        "index personas.personas_one_active",
    ),
    "unique index made plain": (
        [
            "DROP INDEX users_email_lower_key",
            "CREATE INDEX users_email_lower_key ON users (lower(email))",
        ],
        "index users.users_email_lower_key",
    ),
    "trigger dropped": (
        ["DROP TRIGGER chat_messages_count_insert"],
        "trigger chat_messages.chat_messages_count_insert",
    ),
    "trigger's body replaced": (
        [
            "DROP TRIGGER chat_messages_count_insert",
            "CREATE TRIGGER chat_messages_count_insert AFTER INSERT ON chat_messages"
            " BEGIN SELECT 1; END",
        ],
        "trigger chat_messages.chat_messages_count_insert",
    ),
}
