"""The rules for messages and threads. Those of a step are applied from top to bottom."""

from legacy.sql import NO_SUCH_USER, NO_TIME, SUCH_USER, times
from legacy.steps import CHAT, LINK, THREADS
from schema.adoption.spec import Quarantine, Repair

# Of a user's threads called General the one with the most messages is kept, so that few
# messages move; of several the oldest.
GENERALS = """
    SELECT t.id, first_value(t.id) OVER (
        PARTITION BY t.user_id
        ORDER BY COALESCE(t.message_count, 0) DESC, t.created_at, t.id
    ) AS kept
    FROM threads AS t WHERE t.title = 'General'
"""
GENERALS_REQUIRE = (
    "threads.title",
    "threads.message_count",
    "threads.created_at",
    "threads.user_id",
)

MESSAGE_TIMES = [
    Repair(
        step=CHAT,
        kind="messages without a time got the earliest they can have been written at",
        table="chat_messages",
        where=f"one.created_at IS NULL AND {SUCH_USER}",
        planned_where=f"one.created_at IS NULL AND {SUCH_USER}",
        assign="created_at = COALESCE(one.updated_at,"
        " (SELECT u.created_at FROM users AS u WHERE u.id = one.user_id), now())",
        fixes=("created_at",),
        requires=("chat_messages.updated_at",),
    ),
    Repair(
        step=CHAT,
        kind="messages without a time of change got the time they were written at",
        table="chat_messages",
        where=f"one.updated_at IS NULL AND one.created_at IS NOT NULL AND {SUCH_USER}",
        assign="updated_at = one.created_at",
        fixes=("updated_at",),
    ),
]
MESSAGES = [
    # First: a trigger replaces NULL by the current time as soon as a row changes.
    *MESSAGE_TIMES,
    Repair(
        step=CHAT,
        kind="messages without a user went to their persona's user",
        table="chat_messages",
        where="one.user_id IS NULL AND EXISTS (SELECT FROM personas AS p"
        " WHERE p.id = one.persona_id AND p.user_id IS NOT NULL)",
        assign="user_id = (SELECT p.user_id FROM personas AS p WHERE p.id = one.persona_id)",
        fixes=("user_id",),
        requires=("chat_messages.persona_id",),
    ),
    Repair(
        step=CHAT,
        kind="messages without a user went to their thread's user",
        table="chat_messages",
        where="one.user_id IS NULL AND EXISTS (SELECT FROM threads AS t"
        " WHERE t.id::text = one.thread_id::text AND t.user_id IS NOT NULL)",
        assign="user_id = (SELECT t.user_id FROM threads AS t"
        " WHERE t.id::text = one.thread_id::text)",
        fixes=("user_id",),
        requires=("chat_messages.thread_id", "threads.user_id"),
    ),
    Quarantine(
        step=CHAT,
        kind="messages without a user went into quarantine",
        table="chat_messages",
        where="one.user_id IS NULL",
        reason="the message has no user",
        fixes=("user_id",),
    ),
    Quarantine(
        step=CHAT,
        kind="messages of a user who does not exist went into quarantine",
        table="chat_messages",
        where=f"one.user_id IS NOT NULL AND {NO_SUCH_USER}",
        reason="the message's user does not exist",
        fixes=("user_id",),
    ),
    *MESSAGE_TIMES,
]
CONVERSATIONS = [
    Quarantine(
        step=THREADS,
        kind="threads without a user, or of a user who does not exist, went into quarantine",
        table="threads",
        where=f"one.user_id IS NULL OR {NO_SUCH_USER}",
        reason="the thread has no user, or one who does not exist",
        fixes=("user_id",),
    ),
    Repair(
        step=THREADS,
        kind="threads without a time got the earliest that is known of them",
        table="threads",
        where=NO_TIME,
        assign=times(
            "one.updated_at, one.last_message_at,"
            " (SELECT u.created_at FROM users AS u WHERE u.id = one.user_id)"
        ),
        fixes=("created_at", "updated_at"),
        requires=("threads.last_message_at",),
    ),
    Repair(
        step=THREADS,
        kind="threads of a persona that does not exist lost the link to it",
        table="threads",
        where="one.persona_id IS NOT NULL AND NOT EXISTS"
        " (SELECT FROM personas AS p WHERE p.id = one.persona_id)",
        assign="persona_id = NULL",
        fixes=("persona_id",),
    ),
    Repair(
        step=THREADS,
        kind="threads without a description got an empty one",
        table="threads",
        where="one.description IS NULL",
        assign="description = ''",
        fixes=("description",),
    ),
    Repair(
        step=THREADS,
        kind="threads without a title got an empty one",
        table="threads",
        where="one.title IS NULL",
        assign="title = ''",
        fixes=("title",),
    ),
    Repair(
        step=THREADS,
        kind="threads without a count of messages were counted",
        table="threads",
        where="one.message_count IS NULL",
        assign="message_count = 0",
        fixes=("message_count",),
    ),
    Repair(
        step=THREADS,
        kind="threads taken for their user's General thread",
        table="threads",
        where="NOT one.is_general AND one.id IN"
        f" (SELECT g.kept FROM ({GENERALS}) AS g) AND NOT EXISTS"
        " (SELECT FROM threads AS t WHERE t.user_id = one.user_id AND t.is_general)",
        planned_where=f"one.id IN (SELECT g.kept FROM ({GENERALS}) AS g)",
        assign="is_general = true",
        requires=GENERALS_REQUIRE,
        when="after_triggers",
    ),
    Repair(
        step=THREADS,
        kind="messages moved from a second General thread into the first",
        table="chat_messages",
        # As text: a link that has another type by hand gets its type only with its own step.
        where="one.thread_id::text IN"
        f" (SELECT g.id::text FROM ({GENERALS}) AS g WHERE g.id <> g.kept)",
        assign=f"thread_id = (SELECT g.kept FROM ({GENERALS}) AS g"
        " WHERE g.id::text = one.thread_id::text)",
        requires=(*GENERALS_REQUIRE, "chat_messages.thread_id"),
        when="after_triggers",
    ),
    Quarantine(
        step=THREADS,
        kind="second General threads, empty by then, went into quarantine",
        table="threads",
        where=f"one.id IN (SELECT g.id FROM ({GENERALS}) AS g WHERE g.id <> g.kept)"
        " AND NOT EXISTS (SELECT FROM chat_messages AS m WHERE m.thread_id::text = one.id::text)",
        reason="the user had another thread called General, to which the messages moved",
        expected=True,
        requires=(*GENERALS_REQUIRE, "chat_messages.thread_id"),
        when="after_triggers",
    ),
    Quarantine(
        step=THREADS,
        kind="second General threads went into quarantine",
        table="threads",
        where=f"one.id IN (SELECT g.id FROM ({GENERALS}) AS g WHERE g.id <> g.kept)",
        reason="the user had another thread called General",
        expected=True,
        requires=GENERALS_REQUIRE,
        without=("chat_messages.thread_id",),
        when="after_triggers",
    ),
]
LINKS = [
    Repair(
        step=LINK,
        kind="messages whose thread link is no key went to General",
        table="chat_messages",
        where="one.thread_id::text !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'",
        assign="thread_id = NULL",
        fixes=("thread_id",),
        when="before_types",
    ),
    Repair(
        step=LINK,
        kind="messages whose thread does not exist, or is somebody else's, went to General",
        table="chat_messages",
        where="one.thread_id IS NOT NULL AND NOT EXISTS (SELECT FROM threads AS t"
        " WHERE t.id = one.thread_id AND t.user_id = one.user_id)",
        assign="thread_id = NULL",
        fixes=("thread_id",),
        requires=("threads.user_id",),
        when="after_triggers",
    ),
    # For --plan: the threads are made before this step.
    Repair(
        step=LINK,
        kind="messages whose thread does not exist went to General",
        table="chat_messages",
        where="one.thread_id IS NOT NULL",
        assign="thread_id = NULL",
        fixes=("thread_id",),
        without=("threads.user_id",),
        when="after_triggers",
    ),
]
