"""Step 3, threading, second half (was schema_v4_threading.sql): messages belong to threads.

The triggers come with the column, so every message written from here on has a thread; the
next migration looks after the older ones.
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

# One update a thread and statement, however many messages the statement wrote. The threads
# are locked first, in the order of their keys: two statements over the same threads take
# turns, and the look-up of a last message sees every message counted before it. It is
# looked up only where the last one may have gone.
COUNTS = [
    """
    CREATE FUNCTION chat_messages_count_insert() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM threads WHERE id IN (SELECT thread_id FROM arrived)
        ORDER BY id FOR NO KEY UPDATE;
        UPDATE threads
        SET message_count = message_count + change.messages,
            last_message_at = GREATEST(last_message_at, change.latest)
        FROM (
            SELECT thread_id, count(*) AS messages, max(created_at) AS latest
            FROM arrived GROUP BY thread_id
        ) AS change
        WHERE threads.id = change.thread_id;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER chat_messages_count_insert AFTER INSERT ON chat_messages
    REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_insert()
    """,
    """
    CREATE FUNCTION chat_messages_count_delete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM threads WHERE id IN (SELECT thread_id FROM departed)
        ORDER BY id FOR NO KEY UPDATE;
        UPDATE threads
        SET message_count = message_count - change.messages,
            last_message_at = CASE
                WHEN change.latest < last_message_at THEN last_message_at
                ELSE (SELECT max(created_at) FROM chat_messages
                      WHERE chat_messages.thread_id = threads.id)
            END
        FROM (
            SELECT thread_id, count(*) AS messages, max(created_at) AS latest
            FROM departed GROUP BY thread_id
        ) AS change
        WHERE threads.id = change.thread_id;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER chat_messages_count_delete AFTER DELETE ON chat_messages
    REFERENCING OLD TABLE AS departed
    FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_delete()
    """,
    # Transition tables forbid a list of columns, so this one also runs when only the text
    # was changed; it finds no thread then and returns.
    """
    CREATE FUNCTION chat_messages_count_update() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        affected uuid[];
    BEGIN
        SELECT array_agg(thread_id) INTO affected FROM (
            SELECT thread_id
            FROM (
                SELECT thread_id, created_at AS gained, NULL AS lost, 1 AS step FROM arrived
                UNION ALL
                SELECT thread_id, NULL, created_at, -1 FROM departed
            ) AS moved
            WHERE thread_id IS NOT NULL
            GROUP BY thread_id
            HAVING sum(step) <> 0 OR max(gained) IS DISTINCT FROM max(lost)
        ) AS changed;
        IF affected IS NULL THEN
            RETURN NULL;
        END IF;
        PERFORM FROM threads WHERE id = ANY (affected) ORDER BY id FOR NO KEY UPDATE;
        UPDATE threads
        SET message_count = message_count + change.balance,
            last_message_at = CASE
                WHEN change.lost IS NULL OR change.lost < last_message_at
                THEN GREATEST(last_message_at, change.gained)
                ELSE (SELECT max(created_at) FROM chat_messages
                      WHERE chat_messages.thread_id = threads.id)
            END
        FROM (
            SELECT thread_id, sum(step) AS balance, max(gained) AS gained, max(lost) AS lost
            FROM (
                SELECT thread_id, created_at AS gained, NULL AS lost, 1 AS step FROM arrived
                UNION ALL
                SELECT thread_id, NULL, created_at, -1 FROM departed
            ) AS moved
            WHERE thread_id = ANY (affected)
            GROUP BY thread_id
        ) AS change
        WHERE threads.id = change.thread_id;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER chat_messages_count_update AFTER UPDATE ON chat_messages
    REFERENCING OLD TABLE AS departed NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_update()
    """,
    """
    CREATE FUNCTION chat_messages_count_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE threads SET message_count = 0, last_message_at = NULL WHERE message_count <> 0;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER chat_messages_count_truncate AFTER TRUNCATE ON chat_messages
    FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_truncate()
    """,
]
POSTGRESQL_BACK = [
    "DROP TRIGGER chat_messages_count_truncate ON chat_messages",
    "DROP FUNCTION chat_messages_count_truncate()",
    "DROP TRIGGER chat_messages_count_update ON chat_messages",
    "DROP FUNCTION chat_messages_count_update()",
    "DROP TRIGGER chat_messages_count_delete ON chat_messages",
    "DROP FUNCTION chat_messages_count_delete()",
    "DROP TRIGGER chat_messages_count_insert ON chat_messages",
    "DROP FUNCTION chat_messages_count_insert()",
    "DROP TRIGGER chat_messages_general_thread ON chat_messages",
    "DROP FUNCTION chat_messages_general_thread()",
    "DROP FUNCTION threads_general_of(uuid)",
]

# SQLite knows row triggers only, cannot change the row about to be written, and has one
# writer at a time, so nothing needs a lock.
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
SQLITE_ARRIVAL = """
        UPDATE threads
        SET message_count = message_count + 1,
            last_message_at = max(COALESCE(last_message_at, NEW.created_at), NEW.created_at)
        WHERE id = NEW.thread_id;
"""
SQLITE_DEPARTURE = """
        UPDATE threads
        SET message_count = message_count - 1,
            last_message_at = CASE
                WHEN OLD.created_at < last_message_at THEN last_message_at
                ELSE (SELECT max(created_at) FROM chat_messages WHERE thread_id = threads.id)
            END
        WHERE id = OLD.thread_id;
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
    f"""
    CREATE TRIGGER chat_messages_count_insert AFTER INSERT ON chat_messages
    WHEN NEW.thread_id IS NOT NULL
    BEGIN{SQLITE_ARRIVAL}    END
    """,
    f"""
    CREATE TRIGGER chat_messages_count_delete AFTER DELETE ON chat_messages
    BEGIN{SQLITE_DEPARTURE}    END
    """,
    f"""
    CREATE TRIGGER chat_messages_count_update AFTER UPDATE OF thread_id, created_at
    ON chat_messages
    WHEN OLD.thread_id IS NOT NEW.thread_id OR OLD.created_at IS NOT NEW.created_at
    BEGIN{SQLITE_DEPARTURE}{SQLITE_ARRIVAL}    END
    """,
]
SQLITE_BACK = [
    "DROP TRIGGER chat_messages_count_update",
    "DROP TRIGGER chat_messages_count_delete",
    "DROP TRIGGER chat_messages_count_insert",
    "DROP TRIGGER chat_messages_general_thread_update",
    "DROP TRIGGER chat_messages_general_thread_insert",
]


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0001_chat_history"),
        ("threads", "0001_threads"),
    ]

    operations = [
        migrations.AddField(
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
            forward={"postgresql": GENERAL_THREAD + COUNTS, "sqlite": SQLITE},
            backward={"postgresql": POSTGRESQL_BACK, "sqlite": SQLITE_BACK},
        ),
    ]
