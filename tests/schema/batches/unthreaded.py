"""Messages from before the threads, and a data step over them."""

import uuid

from django.core.management import call_command

from schema.batches.step import Step
from tests.conftest import Database

ROWS = 5000
BEFORE_THREADS = [("chat", "0001"), ("personas", "0002")]


def fill(database: Database) -> None:
    """Migrate to before the threads, and add three people and ROWS messages."""
    for app, target in BEFORE_THREADS:
        call_command("migrate", app, target, database=database.alias, verbosity=0)
    with database.connection.cursor() as cursor:
        people = [uuid.uuid4().hex for _ in range(3)]
        cursor.executemany(
            "INSERT INTO users (id, email, password_hash) VALUES (%s, %s, '')",
            [(person, f"{person}@example.com") for person in people],
        )
        cursor.executemany(
            "INSERT INTO chat_messages (user_id, role, content) VALUES (%s, 'user', %s)",
            [(people[n % 3], f"message {n}") for n in range(ROWS)],
        )


class Killed(BaseException):
    """Stands for the end of the process between two batches."""


def step(**changes: object) -> Step:
    """Return a step that raises the messages' voice, with `changes` to it."""
    facts: dict[str, object] = {
        "app": "chat",
        "migration": "0099_test",
        "name": "shout",
        "table": "chat_messages",
        "statements": (
            "UPDATE chat_messages SET content = upper(content) WHERE {batch} AND content LIKE 'm%'",
        ),
    }
    return Step(**(facts | changes))  # type: ignore[arg-type]  # the tests' own facts


def value(database: Database, query: str) -> object:
    """Return the one value that `query` finds."""
    with database.connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def counts_are_right(database: Database) -> bool:
    """Tell whether each thread's counts are those of its messages."""
    return not value(
        database,
        "SELECT count(*) FROM threads WHERE message_count <>"
        " (SELECT count(*) FROM chat_messages WHERE thread_id = threads.id)"
        " OR last_message_at <>"
        " (SELECT max(created_at) FROM chat_messages WHERE thread_id = threads.id)",
    )
