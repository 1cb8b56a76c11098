"""A thread's counts are of its messages, also where a client writes them."""

from django.db import migrations

import schema.operations

# A thread that is copied or restored brings the counts of messages that are about to be
# counted again. pg_trigger_depth() is 0 for the statement of a client, and more for the
# triggers on chat_messages. The columns are named in the function only: those that a trigger
# names cannot change their type.
POSTGRESQL = [
    """
    CREATE FUNCTION threads_own_counts() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.message_count = 0 AND NEW.last_message_at IS NULL THEN
                RETURN NEW;
            END IF;
        ELSIF (NEW.message_count, NEW.last_message_at)
            IS NOT DISTINCT FROM (OLD.message_count, OLD.last_message_at) THEN
            RETURN NEW;
        END IF;
        SELECT count(*), max(created_at) INTO NEW.message_count, NEW.last_message_at
        FROM chat_messages WHERE thread_id = NEW.id;
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER threads_own_counts BEFORE INSERT OR UPDATE ON threads
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION threads_own_counts()
    """,
]
POSTGRESQL_BACK = [
    "DROP TRIGGER threads_own_counts ON threads",
    "DROP FUNCTION threads_own_counts()",
]
# SQLite cannot tell a client's update of a count from a trigger's; there threads/fields.py
# keeps Django from writing one.
SQLITE = [
    """
    CREATE TRIGGER threads_own_counts AFTER INSERT ON threads
    WHEN NEW.message_count <> 0 OR NEW.last_message_at IS NOT NULL
    BEGIN
        UPDATE threads
        SET message_count = (SELECT count(*) FROM chat_messages WHERE thread_id = NEW.id),
            last_message_at = (SELECT max(created_at) FROM chat_messages WHERE thread_id = NEW.id)
        WHERE id = NEW.id;
    END
    """,
]
SQLITE_BACK = ["DROP TRIGGER threads_own_counts"]


class Migration(migrations.Migration):
    dependencies = [
        ("threads", "0002_organising"),
        # The index that a thread's messages are counted by.
        ("chat", "0004_thread_index"),
    ]

    operations = [
        schema.operations.SQLByVendor(
            forward={"postgresql": POSTGRESQL, "sqlite": SQLITE},
            backward={"postgresql": POSTGRESQL_BACK, "sqlite": SQLITE_BACK},
        ),
    ]
