"""The specification that settings name."""

from legacy.conversations import CONVERSATIONS, LINKS, MESSAGES
from legacy.guards import NORMAL_COLOURS
from legacy.people import ACCOUNTS, PERSONA_COLUMNS, TWINS
from legacy.steps import BACKFILL, CHAT, INDEX, LINK, MULTI_PERSONA, PERSONAS, THREADS, USERS
from legacy.timestamps import ACCOUNT_TIMES, MESSAGE_TIMES, PERSONA_TIMES, THREAD_TIMES
from schema.adoption.spec import Conflict, Spec, TrackingTable, TrialInsert, TrialUpdate

# In a database stuck after schema_v2.sql no message has a thread, and the index only costs time.
# A few have one: what people write while the adoption runs.
THREADED = """
    SELECT 100 * count(*) > (SELECT count(*) FROM chat_messages)
    FROM chat_messages WHERE thread_id IS NOT NULL
"""

SPEC = Spec(
    tracking=TrackingTable(table="schema_migrations", file="filename", applied_at="executed_at"),
    signature={
        "users": ("email", "password_hash"),
        "personas": ("user_id", "metadata"),
        "chat_messages": ("user_id", "role", "content"),
        "threads": ("user_id", "title", "message_count"),
    },
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
    # Timestamps first: other rules read them.
    rules=(
        *ACCOUNT_TIMES,
        *ACCOUNTS,
        *PERSONA_TIMES,
        *TWINS,
        *MESSAGE_TIMES,
        *MESSAGES,
        *PERSONA_COLUMNS,
        *THREAD_TIMES,
        *CONVERSATIONS,
        *LINKS,
    ),
    # What chat.0003 does, whatever the type of the link and whether it has a foreign key.
    trial_updates=(
        TrialUpdate(
            table="chat_messages",
            column="thread_id",
            value="(SELECT t.id FROM threads AS t WHERE t.user_id = chat_messages.user_id LIMIT 1)",
            requires=("chat_messages.thread_id", "threads.user_id"),
        ),
        TrialUpdate(
            table="chat_messages",
            column="thread_id",
            value="gen_random_uuid()",
            requires=("chat_messages.thread_id",),
            without=("threads.user_id",),
        ),
    ),
    trial_inserts=(
        TrialInsert(
            table="threads",
            statement="INSERT INTO threads (user_id, title) SELECT id, 'General' FROM users LIMIT 1"
            " ON CONFLICT DO NOTHING",
            applies="SELECT EXISTS (SELECT FROM users)",
            requires=("threads.user_id", "threads.title", "users.id"),
        ),
    ),
    reserved={"users": ("is_staff", "is_superuser", "is_active")},
    guards={MULTI_PERSONA: NORMAL_COLOURS},
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
            requires=("users.email", "users.created_at"),
        ),
    ),
)
