"""Step 3, threading, second half (was schema_v4_threading.sql): messages belong to threads.

A trigger comes with the column, so every message written from here on has a thread; the
next migration looks after the older ones, and the one after that checks them. Nothing here
reads a row, so chat_messages is held for an instant.
"""

import django.db.models.deletion
from django.db import migrations, models

import schema.operations

# A message that names no thread goes into its user's General thread, which is made when it
# is first needed. Two writers that need it at once make one: the second finds the first's.
GENERAL_THREAD = [
    """
    CREATE FUNCTION threads_general_of(owner uuid) RETURNS uuid LANGUAGE plpgsql AS $$
    DECLARE
        general uuid;
    BEGIN
        LOOP
            SELECT id INTO general FROM threads WHERE user_id = owner AND is_general;
            EXIT WHEN FOUND;
            INSERT INTO threads (user_id, persona_id, title, is_general)
            SELECT owner, (SELECT id FROM personas WHERE user_id = owner AND is_active),
                   'General', true
            ON CONFLICT (user_id) WHERE is_general DO NOTHING;
        END LOOP;
        RETURN general;
    END
    $$
    """,
    """
    CREATE FUNCTION chat_messages_general_thread() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.thread_id := threads_general_of(NEW.user_id);
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER chat_messages_general_thread BEFORE INSERT OR UPDATE ON chat_messages
    FOR EACH ROW WHEN (NEW.thread_id IS NULL) EXECUTE FUNCTION chat_messages_general_thread()
    """,
]
GENERAL_THREAD_BACK = [
    "DROP TRIGGER chat_messages_general_thread ON chat_messages",
    "DROP FUNCTION chat_messages_general_thread()",
    "DROP FUNCTION threads_general_of(uuid)",
]

# SQLite cannot change the row about to be written, and has one writer at a time, so nothing
# needs a lock.
SQLITE_TO_GENERAL = """
        INSERT INTO threads (user_id, persona_id, title, is_general)
        SELECT NEW.user_id,
               (SELECT id FROM personas WHERE user_id = NEW.user_id AND is_active),
               'General', 1
        WHERE NOT EXISTS (SELECT 1 FROM threads WHERE user_id = NEW.user_id AND is_general);
        UPDATE chat_messages
        SET thread_id = (SELECT id FROM threads WHERE user_id = NEW.user_id AND is_general)
        WHERE id = NEW.id;
"""
SQLITE = [
    f"""
    CREATE TRIGGER chat_messages_general_thread_insert AFTER INSERT ON chat_messages
    WHEN NEW.thread_id IS NULL
    BEGIN{SQLITE_TO_GENERAL}    END
    """,
    f"""
    CREATE TRIGGER chat_messages_general_thread_update AFTER UPDATE ON chat_messages
    WHEN NEW.thread_id IS NULL
    BEGIN{SQLITE_TO_GENERAL}    END
    """,
]
SQLITE_BACK = [
    "DROP TRIGGER chat_messages_general_thread_update",
    "DROP TRIGGER chat_messages_general_thread_insert",
]


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0001_chat_history"),
        ("threads", "0001_threads"),
    ]

    operations = [
        schema.operations.AddFieldUnchecked(
            model_name="chatmessage",
            name="thread",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="messages",
                to="threads.thread",
            ),
        ),
        schema.operations.SQLByVendor(
            forward={"postgresql": GENERAL_THREAD, "sqlite": SQLITE},
            backward={"postgresql": GENERAL_THREAD_BACK, "sqlite": SQLITE_BACK},
        ),
    ]
