"""Drift of constraints on PostgreSQL. {threads_user} and the like are names that Django made."""

# What happened to the database, and the one thing that differs then.
CONSTRAINTS: dict[str, tuple[str, str]] = {
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
}
