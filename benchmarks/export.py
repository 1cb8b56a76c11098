"""How fast does an export flow, and how much memory does it take?

`python -m benchmarks.export [--messages 200000 1000000]`

One person's messages on PostgreSQL: as every format the export offers, beside COPY of the same
columns of the same rows read by a bare psycopg cursor. Memory is what the process grew by
while it read, at its highest, in steps of a hundred chunks.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks import corpus, databases
from benchmarks.processes import memory

COPY = """
    COPY (
        SELECT id, thread_id, role, content, created_at, updated_at FROM chat_messages
        WHERE user_id = '{owner}' ORDER BY created_at, id
    ) TO STDOUT
"""


def drained(chunks: Iterable[bytes]) -> tuple[float, float, float, float]:
    """Read everything; return seconds, seconds to the first byte, MB read and MB grown by."""
    before = peak = memory()
    start = time.perf_counter()
    first = size = 0.0
    for number, chunk in enumerate(chunks):
        first = first or time.perf_counter() - start
        size += len(chunk)
        if number % 100 == 0:
            peak = max(peak, memory())
    return time.perf_counter() - start, first, size / 1e6, max(peak, memory()) - before


def ways(person: Any) -> dict[str, Callable[[], Iterable[bytes]]]:
    """Return how to read the messages, each way by its name."""
    from django.db import connections

    from chat.exports.archive import FORMATS, export
    from chat.exports.source import Source

    def copied() -> Iterable[bytes]:
        connection = connections["postgresql"].connection
        statement = COPY.format(owner=person.pk)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for line in copy:
                yield bytes(line)

    def exported(name: str) -> Callable[[], Iterable[bytes]]:
        return lambda: export(Source(person, using="postgresql"), name)

    return {"COPY": copied} | {name: exported(name) for name in FORMATS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, nargs="+", default=[200_000, 1_000_000])
    options = parser.parse_args()
    databases.start("postgresql")
    for messages in options.messages:
        from django.db import connections

        from users.models import User

        User.objects.using("postgresql").all().delete()
        person, _ = corpus.load("postgresql", messages, messages)
        with connections["postgresql"].cursor() as cursor:
            cursor.execute("VACUUM ANALYZE chat_messages")
        rows = []
        baseline = 0.0
        for name, way in ways(person).items():
            drained(way())
            seconds, first, size, grown = min(drained(way()) for _ in range(3))
            baseline = baseline or seconds
            share = f"{baseline / seconds:.2f}"
            rows.append([name, f"{seconds:.2f}", share, f"{first * 1_000:.0f}"])
            rows[-1] += [f"{size:.0f}", f"{grown:.1f}"]
        head = [f"{messages:,} messages", "s", "of COPY's speed", "first byte, ms", "MB", "grew MB"]
        print(databases.table(head, rows), flush=True)


if __name__ == "__main__":
    main()
