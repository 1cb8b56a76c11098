"""The databases that were migrated by hand: what is known of them, and what becomes of it.

`schema.adoption` does the work and knows nothing of this; docs and README hold the same
decisions as a table. Rules of a step are followed from top to bottom.
"""

from schema.adoption.facts import Conflict, Facts, History, Quarantine, Repair

USERS = ("users", "0001_users")
PERSONAS = ("personas", "0001_personas")
CHAT = ("chat", "0001_chat_history")
MULTI_PERSONA = ("personas", "0002_multi_persona")
THREADS = ("threads", "0001_threads")
LINK = ("chat", "0002_thread_link")
BACKFILL = ("chat", "0003_thread_backfill")
INDEX = ("chat", "0004_thread_index")

NO_SUCH_USER = "NOT EXISTS (SELECT FROM users AS u WHERE u.id = one.user_id)"
NO_TIME = "one.created_at IS NULL OR one.updated_at IS NULL"
# The oldest persona of a user, as the migration chooses it.
BY_AGE = """
    SELECT p.id, row_number() OVER (
        PARTITION BY p.user_id ORDER BY COALESCE(p.is_active, false) DESC, p.created_at, p.id
    ) AS place
    FROM personas AS p
"""
# Of a user's threads called General the one with most messages is kept, so that the fewest
# messages move; then the oldest.
GENERALS = """
    SELECT t.id, first_value(t.id) OVER (
        PARTITION BY t.user_id
        ORDER BY COALESCE(t.message_count, 0) DESC, t.created_at, t.id
    ) AS kept
    FROM threads AS t WHERE t.title = 'General'
"""
GENERALS_NEED = ("threads.title", "threads.message_count", "threads.created_at", "threads.user_id")
# Stuck after schema_v2.sql nothing has a thread, and the thread's index only costs.
# Not whether there is any: what people write while this runs has a thread already.
THREADED = """
    SELECT 100 * count(*) > (SELECT count(*) FROM chat_messages)
    FROM chat_messages WHERE thread_id IS NOT NULL
"""


def times(known: str) -> str:
    """Return what fills in a row's times, where `known` is when it existed at the latest."""
    return (
        f"created_at = COALESCE(one.created_at, {known}, now()),"
        f" updated_at = COALESCE(one.updated_at, one.created_at, {known}, now())"
    )


ACCOUNTS = [
    Repair(
        step=USERS,
        kind="users without a time got the earliest that is known of them",
        table="users",
        where=NO_TIME,
        assign=times(
            "LEAST(one.updated_at, (SELECT min(p.created_at) FROM personas AS p"
            " WHERE p.user_id = one.id))"
        ),
        settles=("created_at", "updated_at"),
        needs=("personas.created_at", "personas.user_id"),
    ),
    Repair(
        step=USERS,
        kind="users without a time got the earliest that is known of them",
        table="users",
        where=NO_TIME,
        assign=times("one.updated_at"),
        settles=("created_at", "updated_at"),
        lacks=("personas.user_id",),
    ),
    Repair(
        step=USERS,
        kind="users without a name got an empty one",
        table="users",
        where="one.name IS NULL",
        assign="name = ''",
        settles=("name",),
    ),
]
TWINS = [
    # Before the persona goes: deleting it would take these along.
    Quarantine(
        step=PERSONAS,
        kind="messages without a user, of a persona without one, went into quarantine",
        table="chat_messages",
        where="one.user_id IS NULL AND EXISTS (SELECT FROM personas AS p"
        " WHERE p.id = one.persona_id AND p.user_id IS NULL)",
        reason="neither the message nor its persona has a user",
        needs=("chat_messages.user_id", "chat_messages.persona_id"),
    ),
    Quarantine(
        step=PERSONAS,
        kind="personas without a user went into quarantine",
        table="personas",
        where="one.user_id IS NULL",
        reason="the persona has no user",
        settles=("user_id",),
    ),
    Quarantine(
        step=PERSONAS,
        kind="personas of a user who does not exist went into quarantine",
        table="personas",
        where=f"one.user_id IS NOT NULL AND {NO_SUCH_USER}",
        reason="the persona's user does not exist",
        settles=("user_id",),
    ),
    Repair(
        step=PERSONAS,
        kind="personas without a time got the earliest that is known of them",
        table="personas",
        where=NO_TIME,
        assign=times(
            "one.updated_at, (SELECT u.created_at FROM users AS u WHERE u.id = one.user_id)"
        ),
        settles=("created_at", "updated_at"),
    ),
    Repair(
        step=PERSONAS,
        kind="personas without a name got the default, My Twin",
        table="personas",
        where="one.name IS NULL",
        assign="name = 'My Twin'",
        settles=("name",),
    ),
    Repair(
        step=PERSONAS,
        kind="personas without metadata got {}",
        table="personas",
        where="one.metadata IS NULL",
        assign="metadata = '{}'",
        settles=("metadata",),
    ),
]
MESSAGE_TIMES = [
    Repair(
        step=CHAT,
        kind="messages without a time got the earliest they can have been written at",
        table="chat_messages",
        where=f"one.created_at IS NULL AND NOT {NO_SUCH_USER}",
        foretold=f"one.created_at IS NULL AND NOT {NO_SUCH_USER}",
        assign="created_at = COALESCE(one.updated_at,"
        " (SELECT u.created_at FROM users AS u WHERE u.id = one.user_id), now())",
        settles=("created_at",),
        needs=("chat_messages.updated_at",),
    ),
    Repair(
        step=CHAT,
        kind="messages without a time of change got the time they were written at",
        table="chat_messages",
        where=f"one.updated_at IS NULL AND NOT {NO_SUCH_USER}",
        assign="updated_at = one.created_at",
        settles=("updated_at",),
    ),
]
MESSAGES = [
    # Before anything else touches a row: what is NULL then, a trigger would make the present.
    *MESSAGE_TIMES,
    Repair(
        step=CHAT,
        kind="messages without a user went to their persona's user",
        table="chat_messages",
        where="one.user_id IS NULL AND EXISTS (SELECT FROM personas AS p"
        " WHERE p.id = one.persona_id AND p.user_id IS NOT NULL)",
        assign="user_id = (SELECT p.user_id FROM personas AS p WHERE p.id = one.persona_id)",
        settles=("user_id",),
        needs=("chat_messages.persona_id",),
    ),
    Repair(
        step=CHAT,
        kind="messages without a user went to their thread's user",
        table="chat_messages",
        where="one.user_id IS NULL AND EXISTS (SELECT FROM threads AS t"
        " WHERE t.id::text = one.thread_id::text AND t.user_id IS NOT NULL)",
        assign="user_id = (SELECT t.user_id FROM threads AS t"
        " WHERE t.id::text = one.thread_id::text)",
        settles=("user_id",),
        needs=("chat_messages.thread_id", "threads.user_id"),
    ),
    Quarantine(
        step=CHAT,
        kind="messages without a user went into quarantine",
        table="chat_messages",
        where="one.user_id IS NULL",
        reason="the message has no user",
        settles=("user_id",),
    ),
    Quarantine(
        step=CHAT,
        kind="messages of a user who does not exist went into quarantine",
        table="chat_messages",
        where=f"one.user_id IS NOT NULL AND {NO_SUCH_USER}",
        reason="the message's user does not exist",
        settles=("user_id",),
    ),
    *MESSAGE_TIMES,
]
PERSONA_COLUMNS = [
    Repair(
        step=MULTI_PERSONA,
        kind="personas without a description got an empty one",
        table="personas",
        where="one.description IS NULL",
        assign="description = ''",
        settles=("description",),
    ),
    Repair(
        step=MULTI_PERSONA,
        kind="personas whose colour was none got the default, #4f46e5",
        table="personas",
        where="one.color IS NULL OR one.color::text !~ '^#[0-9A-Fa-f]{6}$'",
        assign="color = '#4f46e5'",
        settles=("color",),
    ),
    Repair(
        step=MULTI_PERSONA,
        kind="personas neither active nor inactive became inactive",
        table="personas",
        where="one.is_active IS NULL",
        assign="is_active = false",
        settles=("is_active",),
    ),
    Repair(
        step=MULTI_PERSONA,
        kind="personas put off, for their user had an older active one",
        table="personas",
        where=f"one.is_active AND one.id IN (SELECT a.id FROM ({BY_AGE}) AS a WHERE a.place > 1)",
        assign="is_active = false",
        settles=("user_id",),
        when="triggered",
    ),
    Repair(
        step=MULTI_PERSONA,
        kind="personas made active: the oldest of a user who had no active one",
        table="personas",
        where=f"NOT one.is_active AND one.id IN"
        f" (SELECT a.id FROM ({BY_AGE}) AS a WHERE a.place = 1)",
        assign="is_active = true",
        when="triggered",
    ),
]
CONVERSATIONS = [
    Quarantine(
        step=THREADS,
        kind="threads of nobody, or of a user who does not exist, went into quarantine",
        table="threads",
        where=f"one.user_id IS NULL OR {NO_SUCH_USER}",
        reason="the thread has no user, or one who does not exist",
        settles=("user_id",),
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
        settles=("created_at", "updated_at"),
        needs=("threads.last_message_at",),
    ),
    Repair(
        step=THREADS,
        kind="threads of a persona that does not exist lost the link to it",
        table="threads",
        where="one.persona_id IS NOT NULL AND NOT EXISTS"
        " (SELECT FROM personas AS p WHERE p.id = one.persona_id)",
        assign="persona_id = NULL",
        settles=("persona_id",),
    ),
    Repair(
        step=THREADS,
        kind="threads without a description got an empty one",
        table="threads",
        where="one.description IS NULL",
        assign="description = ''",
        settles=("description",),
    ),
    Repair(
        step=THREADS,
        kind="threads without a title got an empty one",
        table="threads",
        where="one.title IS NULL",
        assign="title = ''",
        settles=("title",),
    ),
    Repair(
        step=THREADS,
        kind="threads without a count of messages were counted",
        table="threads",
        where="one.message_count IS NULL",
        assign="message_count = 0",
        settles=("message_count",),
    ),
    Repair(
        step=THREADS,
        kind="threads taken for their user's General thread",
        table="threads",
        where="NOT one.is_general AND one.id IN"
        f" (SELECT g.kept FROM ({GENERALS}) AS g) AND NOT EXISTS"
        " (SELECT FROM threads AS t WHERE t.user_id = one.user_id AND t.is_general)",
        foretold=f"one.id IN (SELECT g.kept FROM ({GENERALS}) AS g)",
        assign="is_general = true",
        needs=GENERALS_NEED,
        when="triggered",
    ),
    Repair(
        step=THREADS,
        kind="messages moved from a second General thread into the first",
        table="chat_messages",
        # As text: a link that has another type by hand is mended only with its own step.
        where="one.thread_id::text IN"
        f" (SELECT g.id::text FROM ({GENERALS}) AS g WHERE g.id <> g.kept)",
        assign=f"thread_id = (SELECT g.kept FROM ({GENERALS}) AS g"
        " WHERE g.id::text = one.thread_id::text)",
        needs=(*GENERALS_NEED, "chat_messages.thread_id"),
        when="triggered",
    ),
    Quarantine(
        step=THREADS,
        kind="second General threads, empty by then, went into quarantine",
        table="threads",
        where=f"one.id IN (SELECT g.id FROM ({GENERALS}) AS g WHERE g.id <> g.kept)"
        " AND NOT EXISTS (SELECT FROM chat_messages AS m WHERE m.thread_id::text = one.id::text)",
        reason="the user had another thread called General, which took in the messages",
        needs=(*GENERALS_NEED, "chat_messages.thread_id"),
        when="triggered",
    ),
    Quarantine(
        step=THREADS,
        kind="second General threads went into quarantine",
        table="threads",
        where=f"one.id IN (SELECT g.id FROM ({GENERALS}) AS g WHERE g.id <> g.kept)",
        reason="the user had another thread called General",
        needs=GENERALS_NEED,
        lacks=("chat_messages.thread_id",),
        when="triggered",
    ),
]
LINKS = [
    Repair(
        step=LINK,
        kind="messages whose thread link is no key went to General",
        table="chat_messages",
        where="one.thread_id::text !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'",
        assign="thread_id = NULL",
        settles=("thread_id",),
        when="mistyped",
    ),
    Repair(
        step=LINK,
        kind="messages whose thread does not exist, or is somebody else's, went to General",
        table="chat_messages",
        where="one.thread_id IS NOT NULL AND NOT EXISTS (SELECT FROM threads AS t"
        " WHERE t.id = one.thread_id AND t.user_id = one.user_id)",
        assign="thread_id = NULL",
        settles=("thread_id",),
        needs=("threads.user_id",),
        when="triggered",
    ),
    # For --plan: the threads are made before this step.
    Repair(
        step=LINK,
        kind="messages whose thread does not exist went to General",
        table="chat_messages",
        where="one.thread_id IS NOT NULL",
        assign="thread_id = NULL",
        settles=("thread_id",),
        lacks=("threads.user_id",),
        when="triggered",
    ),
]

FACTS = Facts(
    history=History(table="schema_migrations", file="filename", moment="executed_at"),
    files={
        "schema_v2.sql": (CHAT,),
        "schema_v3_multi_persona.sql": (MULTI_PERSONA,),
        "schema_v4_threading.sql": (THREADS, LINK, BACKFILL, INDEX),
    },
    columns={
        "schema_v2.sql": tuple(
            f"chat_messages.{name}"
            for name in ("user_id", "thread_id", "role", "content", "created_at", "updated_at")
        ),
        "schema_v3_multi_persona.sql": (
            "personas.is_active",
            "personas.description",
            "personas.color",
        ),
        "schema_v4_threading.sql": (
            *(
                f"threads.{name}"
                for name in ("user_id", "persona_id", "title", "description", "created_at")
            ),
            *(f"threads.{name}" for name in ("updated_at", "last_message_at", "message_count")),
            "chat_messages.thread_id",
        ),
    },
    steps=(USERS, PERSONAS, CHAT, MULTI_PERSONA, THREADS, LINK, BACKFILL, INDEX),
    superseded={
        PERSONAS: ("idx_personas_user_id", "idx_personas_user"),
        CHAT: (
            "idx_chat_messages_user",
            "idx_chat_messages_user_id",
            "idx_chat_messages_created",
            "idx_chat_messages_created_at",
        ),
        MULTI_PERSONA: ("idx_personas_active",),
        THREADS: ("idx_threads_user", "idx_threads_persona", "idx_threads_updated"),
        INDEX: ("idx_chat_messages_thread", "idx_messages_thread"),
    },
    unused={
        LINK: (
            ("idx_chat_messages_thread", THREADED),
            ("idx_messages_thread", THREADED),
        ),
    },
    rules=(*ACCOUNTS, *TWINS, *MESSAGES, *PERSONA_COLUMNS, *CONVERSATIONS, *LINKS),
    conflicts=(
        Conflict(
            step=USERS,
            kind="accounts whose e-mail addresses differ only in case",
            query="""
                SELECT lower(u.email) || ': ' || string_agg(
                    format('id %s, %s, since %s', u.id, u.email,
                           COALESCE(left(u.created_at::text, 10), 'unknown')),
                    '; ' ORDER BY u.created_at, u.id)
                FROM users AS u GROUP BY lower(u.email) HAVING count(*) > 1
                ORDER BY lower(u.email)
            """,
            remedy="Both can log in today and only one could afterwards, so the choice is yours. "
            "Two people: give one another address (UPDATE users SET email = '…' WHERE id = '…';). "
            "One person: give the account to be kept what the other has (UPDATE … SET user_id "
            "in each table), then change the other's address to one that is out of use.",
            needs=("users.email", "users.created_at"),
        ),
    ),
)
