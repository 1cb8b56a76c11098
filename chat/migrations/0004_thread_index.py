"""Step 3, threading: what rests on every message having its thread.

The index that conversations are read by, the foreign key, and the counts. Not one
transaction: the index is built while people write, and every thread is counted once.
"""

from django.db import migrations, models

import schema.operations

# A thread deleted since the messages were put into it, before the foreign key was there.
POINTS_NOWHERE = """
    thread_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM threads WHERE threads.id = chat_messages.thread_id)
"""
BACK_TO_GENERAL = "\n".join(
    ["UPDATE chat_messages SET thread_id = NULL", "WHERE {batch} AND", POINTS_NOWHERE]
)

# One update a thread and statement, however many messages the statement wrote. The threads
# are locked first, in the order of their keys: two statements over the same threads take
# turns, and the look-up of a last message sees every message counted before it. It is
# looked up only where the last one may have gone.
COUNTS = [
    """
    CREATE OR REPLACE FUNCTION chat_messages_count_insert() RETURNS trigger LANGUAGE plpgsql AS $$
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
    CREATE OR REPLACE TRIGGER chat_messages_count_insert AFTER INSERT ON chat_messages
    REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_insert()
    """,
    """
    CREATE OR REPLACE FUNCTION chat_messages_count_delete() RETURNS trigger LANGUAGE plpgsql AS $$
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
    CREATE OR REPLACE TRIGGER chat_messages_count_delete AFTER DELETE ON chat_messages
    REFERENCING OLD TABLE AS departed
    FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_delete()
    """,
    # Transition tables forbid a list of columns, so this one also runs when only the text
    # was changed; it finds no thread then and returns.
    """
    CREATE OR REPLACE FUNCTION chat_messages_count_update() RETURNS trigger LANGUAGE plpgsql AS $$
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
    CREATE OR REPLACE TRIGGER chat_messages_count_update AFTER UPDATE ON chat_messages
    REFERENCING OLD TABLE AS departed NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_update()
    """,
    """
    CREATE OR REPLACE FUNCTION chat_messages_count_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE threads SET message_count = 0, last_message_at = NULL WHERE message_count <> 0;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE OR REPLACE TRIGGER chat_messages_count_truncate AFTER TRUNCATE ON chat_messages
    FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_truncate()
    """,
]
COUNTS_BACK = [
    "DROP TRIGGER IF EXISTS chat_messages_count_truncate ON chat_messages",
    "DROP FUNCTION IF EXISTS chat_messages_count_truncate()",
    "DROP TRIGGER IF EXISTS chat_messages_count_update ON chat_messages",
    "DROP FUNCTION IF EXISTS chat_messages_count_update()",
    "DROP TRIGGER IF EXISTS chat_messages_count_delete ON chat_messages",
    "DROP FUNCTION IF EXISTS chat_messages_count_delete()",
    "DROP TRIGGER IF EXISTS chat_messages_count_insert ON chat_messages",
    "DROP FUNCTION IF EXISTS chat_messages_count_insert()",
]

# SQLite knows row triggers only.
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
COUNTS_SQLITE = [
    f"""
    CREATE TRIGGER IF NOT EXISTS chat_messages_count_insert AFTER INSERT ON chat_messages
    WHEN NEW.thread_id IS NOT NULL
    BEGIN{SQLITE_ARRIVAL}    END
    """,
    f"""
    CREATE TRIGGER IF NOT EXISTS chat_messages_count_delete AFTER DELETE ON chat_messages
    BEGIN{SQLITE_DEPARTURE}    END
    """,
    f"""
    CREATE TRIGGER IF NOT EXISTS chat_messages_count_update AFTER UPDATE OF thread_id, created_at
    ON chat_messages
    WHEN OLD.thread_id IS NOT NEW.thread_id OR OLD.created_at IS NOT NEW.created_at
    BEGIN{SQLITE_DEPARTURE}{SQLITE_ARRIVAL}    END
    """,
]
COUNTS_SQLITE_BACK = [
    "DROP TRIGGER IF EXISTS chat_messages_count_update",
    "DROP TRIGGER IF EXISTS chat_messages_count_delete",
    "DROP TRIGGER IF EXISTS chat_messages_count_insert",
]

# The triggers count what changes from then on, and this what was there before. With its
# thread locked, a message is either seen here or counted by its writer, who waits for it.
LOCK = "SELECT FROM threads WHERE {batch} ORDER BY id FOR NO KEY UPDATE"
RECOUNT = """
    UPDATE threads
    SET message_count = (SELECT count(*) FROM chat_messages WHERE thread_id = threads.id),
        last_message_at = (SELECT max(created_at) FROM chat_messages WHERE thread_id = threads.id)
    WHERE {batch}
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("chat", "0003_thread_backfill")]

    operations = [
        schema.operations.AddIndexOnline(
            model_name="chatmessage",
            index=models.Index(
                fields=["thread", "created_at", "id"], name="chat_messages_thread_idx"
            ),
        ),
        schema.operations.AddForeignKeyOnline("chatmessage", "thread", validate=False),
        schema.operations.BatchedSQL(
            __name__,
            "messages of deleted threads",
            "chat_messages",
            forward={"postgresql": [BACK_TO_GENERAL], "sqlite": [BACK_TO_GENERAL]},
            backward={},
            pending=POINTS_NOWHERE,
        ),
        schema.operations.AddForeignKeyOnline("chatmessage", "thread"),
        schema.operations.RerunnableSQL(
            forward={"postgresql": COUNTS, "sqlite": COUNTS_SQLITE},
            backward={"postgresql": COUNTS_BACK, "sqlite": COUNTS_SQLITE_BACK},
        ),
        schema.operations.BatchedSQL(
            __name__,
            "counts of threads",
            "threads",
            forward={"postgresql": [LOCK, RECOUNT], "sqlite": [RECOUNT]},
            backward={},
            key="id",
        ),
    ]
