"""What right counts cost: `python -m benchmarks.counts [--rounds N] [postgresql] [sqlite]`.

Each way of knowing a thread's `message_count` and `last_message_at` does the same writes and
the same read, several rounds in turn. The server does not wait for the disk, so that what is
seen is the work itself; on a real disk the ratios of single inserts are nearer to 1.
"""

import argparse
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from benchmarks import databases

THREADS, HISTORY, SINGLE, BULK = 50, 400, 200, 5000
MEASURES = ("one insert", "two writers", "bulk insert", "edit text", "delete", "read 50 threads")
UNITS = ("µs", "µs", "ms", "ms", "ms", "ms")

ROW_TRIGGERS = """
    CREATE FUNCTION benchmark_count() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP IN ('DELETE', 'UPDATE') THEN
            UPDATE threads SET message_count = message_count - 1,
                last_message_at = CASE
                    WHEN OLD.created_at < last_message_at THEN last_message_at
                    ELSE (SELECT max(created_at) FROM chat_messages WHERE thread_id = threads.id)
                END
            WHERE id = OLD.thread_id;
        END IF;
        IF TG_OP IN ('INSERT', 'UPDATE') THEN
            UPDATE threads SET message_count = message_count + 1,
                last_message_at = GREATEST(last_message_at, NEW.created_at)
            WHERE id = NEW.thread_id;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER benchmark_count AFTER INSERT OR DELETE OR UPDATE OF thread_id, created_at
    ON chat_messages FOR EACH ROW EXECUTE FUNCTION benchmark_count()
"""


@contextmanager
def row_triggers(alias: str) -> Iterator[None]:
    """Count row by row, in place of the triggers of the migrations."""
    from django.db import connections

    with databases.without_triggers(alias):
        with connections[alias].cursor() as cursor:
            cursor.execute(ROW_TRIGGERS)
        try:
            yield
        finally:
            with connections[alias].cursor() as cursor:
                cursor.execute("DROP FUNCTION benchmark_count() CASCADE")


def as_shipped(alias: str) -> AbstractContextManager[None]:
    """Leave the triggers of the migrations in place."""
    return nullcontext()


WAYS: dict[str, Callable[[str], AbstractContextManager[None]]] = {
    "no counting": databases.without_triggers,
    "triggers, as shipped": as_shipped,
    "row triggers": row_triggers,
    "in Python, F()": databases.without_triggers,
    "count on read": databases.without_triggers,
}


class Writer:
    """Does the writes and the read on one database, in one of the ways."""

    def __init__(self, alias: str, way: str) -> None:
        from chat.models import ChatMessage
        from threads.models import Thread

        self.alias, self.way = alias, way
        self.messages = ChatMessage.objects.using(alias)
        self.rows = Thread.objects.using(alias)
        self.threads = list(self.rows.order_by("id")[:THREADS])

    def recount(self, gained: dict[Any, int]) -> None:
        """Bring the threads up to date as a program that counts by itself does."""
        from django.db.models import F, Max, OuterRef, Subquery

        last = self.messages.filter(thread=OuterRef("pk")).order_by().values("thread")
        for thread, count in sorted(gained.items()):
            self.rows.filter(pk=thread).update(
                message_count=F("message_count") + count,
                last_message_at=Subquery(last.annotate(last=Max("created_at")).values("last")),
            )

    def write(self, gained: dict[Any, int], statement: Callable[[], Any]) -> None:
        """Run one writing statement and, where it is this way's business, count."""
        from django.db import transaction

        with transaction.atomic(using=self.alias):
            statement()
            if self.way == "in Python, F()":
                self.recount(gained)

    def insert(self, place: int) -> None:
        """Insert one message."""
        thread = self.threads[place % THREADS]
        self.write(
            {thread.pk: 1},
            lambda: self.messages.create(
                user_id=thread.user_id, thread=thread, role="user", content="Hello"
            ),
        )

    def insert_one_by_one(self) -> None:
        """Insert SINGLE messages, each in a transaction of its own."""
        for place in range(SINGLE):
            self.insert(place)

    def insert_many(self) -> None:
        """Insert BULK messages in one transaction, a thousand a statement."""
        from chat.models import ChatMessage

        rows = [
            ChatMessage(user_id=thread.user_id, thread=thread, role="twin", content="Hello")
            for n in range(BULK)
            for thread in [self.threads[n % THREADS]]
        ]
        gained = {thread.pk: BULK // THREADS for thread in self.threads}
        self.write(gained, lambda: self.messages.bulk_create(rows, batch_size=1000))

    def edit(self) -> None:
        """Change the text of the messages that were inserted together."""
        self.write({}, lambda: self.messages.filter(role="twin").update(content="Changed"))

    def delete(self) -> None:
        """Delete the messages that were inserted together, in one statement."""
        lost: dict[Any, int] = defaultdict(int)
        if self.way == "in Python, F()":
            for thread in self.messages.filter(role="twin").values_list("thread", flat=True):
                lost[thread] -= 1
        query = self.messages.filter(role="twin").order_by()
        self.write(lost, lambda: query._raw_delete(self.alias))

    def read(self) -> None:
        """Read what the list of threads shows."""
        from django.db.models import Count, Max

        query = self.rows.order_by("id")
        if self.way == "count on read":
            counted = query.annotate(n=Count("messages"), last=Max("messages__created_at"))
            list(counted[:THREADS])
        else:
            list(query[:THREADS])


def two_writers(writer: Writer) -> None:
    """Insert into one thread over two connections at once."""
    from django.db import connections

    def run() -> None:
        for _ in range(SINGLE // 2):
            writer.insert(0)
        connections[writer.alias].close()

    both = [threading.Thread(target=run) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()


def measure(alias: str, way: str) -> list[float]:
    """Return the seconds of each measure, per message where it inserts one by one."""
    seconds = []
    with WAYS[way](alias):
        writer = Writer(alias, way)
        steps: list[tuple[Callable[[], None], int]] = [
            (writer.insert_one_by_one, SINGLE),
            (partial(two_writers, writer), SINGLE),
            (writer.insert_many, 1),
            (writer.edit, 1),
            (writer.delete, 1),
            (writer.read, 1),
        ]
        for work, share in steps:
            begin = time.perf_counter()
            work()
            seconds.append((time.perf_counter() - begin) / share)
    return seconds


def fill(alias: str) -> None:
    """Make one user with THREADS threads of HISTORY messages each."""
    from chat.models import ChatMessage
    from threads.models import Thread
    from users.models import User

    user = User.objects.using(alias).create(email="alice@example.com")
    for n in range(THREADS):
        thread = Thread.objects.using(alias).create(user=user, title=f"Thread {n}")
        ChatMessage.objects.using(alias).bulk_create(
            ChatMessage(user=user, thread=thread, role="user", content="Hello " * 20)
            for _ in range(HISTORY)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", help="postgresql, sqlite; both when none is named")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    engines = options.engines or list(databases.ENGINES)
    databases.start(*engines)
    for engine in engines:
        fill(engine)
        ways = [way for way in WAYS if (engine, way) != ("sqlite", "row triggers")]
        found: dict[str, list[list[float]]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way in ways:
                found[way].append(measure(engine, way))
        middle = {
            way: [databases.median(column) for column in zip(*rounds, strict=True)]
            for way, rounds in found.items()
        }
        least = middle["no counting"]
        rows = [
            [way]
            + [
                f"{value * (1e6 if unit == 'µs' else 1e3):.0f} {unit} (x{value / base:.2f})"
                for value, base, unit in zip(middle[way], least, UNITS, strict=True)
            ]
            for way in ways
        ]
        print(f"\n{engine}, {THREADS} threads, medians of {options.rounds} rounds;")
        print(f"bulk, edit and delete are of {BULK} messages over all threads\n")
        print(databases.table(["way", *MEASURES], rows), flush=True)


if __name__ == "__main__":
    main()
