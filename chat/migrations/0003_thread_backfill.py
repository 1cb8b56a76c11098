"""Step 3, threading: the messages from before the threads go into General.

Not one transaction: it may be millions of rows, and people write meanwhile. What they write
has a thread already, by the trigger of the migration before, so nothing new is ever left.
"""

from django.db import migrations

import schema.operations

GENERAL_THREADS = """
    INSERT INTO threads (user_id, persona_id, title, is_general)
    SELECT users.id, (SELECT id FROM personas WHERE user_id = users.id AND is_active),
           'General', {yes}
    FROM users
    WHERE {batch} AND EXISTS (
        SELECT 1 FROM chat_messages WHERE user_id = users.id AND thread_id IS NULL
    )
    ON CONFLICT (user_id) WHERE is_general DO NOTHING
"""
# Where somebody has deleted the General thread in between, the trigger makes another.
MESSAGES = """
    UPDATE chat_messages
    SET thread_id = (
        SELECT id FROM threads WHERE user_id = chat_messages.user_id AND is_general
    )
    WHERE {batch} AND thread_id IS NULL
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("chat", "0002_thread_link")]

    # On the way back the migration before takes the link away, and the one before that the
    # threads.
    operations = [
        schema.operations.BatchedSQL(
            __name__,
            "General threads",
            "users",
            forward={
                "postgresql": [GENERAL_THREADS.replace("{yes}", "true")],
                "sqlite": [GENERAL_THREADS.replace("{yes}", "1")],
            },
            backward={},
            key="id",
        ),
        schema.operations.BatchedSQL(
            __name__,
            "messages into General",
            "chat_messages",
            forward={"postgresql": [MESSAGES], "sqlite": [MESSAGES]},
            backward={},
            pending="thread_id IS NULL",
        ),
    ]
