"""What `schema.adoption` is told."""

from legacy.conversations import CONVERSATIONS, LINKS, MESSAGES
from legacy.people import ACCOUNTS, PERSONA_COLUMNS, TWINS
from legacy.steps import BACKFILL, CHAT, INDEX, LINK, MULTI_PERSONA, PERSONAS, THREADS, USERS
from schema.adoption.spec import Conflict, Facts, History

# Stuck after schema_v2.sql nothing has a thread, and the thread's index only costs.
# Not whether there is any: what people write while this runs has a thread already.
THREADED = """
    SELECT 100 * count(*) > (SELECT count(*) FROM chat_messages)
    FROM chat_messages WHERE thread_id IS NOT NULL
"""

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
