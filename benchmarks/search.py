"""How long does a search take, and what does its index cost?

`python -m benchmarks.search [--messages 1000000] [--owned 200000] [--lite 200000]`

PostgreSQL holds `--messages` messages, `--owned` of them one person's; SQLite holds `--lite`,
all of that person. Each kind of query is asked for its first page with several different
words: the product's own way (parsing, SQL and model instances included), the same index asked
by a bare psycopg cursor for the same rows, and the way the Node backend asked (to_tsvector
over each row of the user). The bare way leaves the plan to PostgreSQL; with a phrase it looks
for the words in their order as well. `times` is how many times as long the product's way takes,
at p50; in brackets, for the one query where that is worst.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import databases
from benchmarks.corpus import load


def words_of(samples: list[str]) -> dict[str, int]:
    """Return how many of the sampled texts hold each word."""
    counts: dict[str, int] = {}
    for text in samples:
        for word in dict.fromkeys(text.lower().rstrip(".").split()):
            counts[word] = counts.get(word, 0) + 1
    return counts


def queries(samples: list[str]) -> dict[str, list[str]]:
    """Return ten different queries of each kind."""
    chance = random.Random(11)
    counts = words_of(samples)
    latin = {word: n for word, n in counts.items() if word.isascii() and len(word) > 3}
    size = len(samples)
    common = [w for w, n in latin.items() if n > size * 0.08][:10]
    middling = sorted(latin, key=lambda w: abs(latin[w] - size * 0.01))[:10]
    rare = [w for w, n in latin.items() if n == 1][:10]
    texts = [text.lower().rstrip(".").split() for text in samples if text.isascii()]
    han = [word for word in counts if not word.isascii()]
    phrases: list[str] = []
    while len(phrases) < 10:
        text = chance.choice(texts)
        at = chance.randrange(len(text) - 1)
        phrases.append(f'"{text[at]} {text[at + 1]}"')
    return {
        "common": common,
        "middling": middling,
        "rare": rare,
        "absent": [f"zq{word}x " for word in rare],
        "two words": [f"{a} {b} " for a, b in zip(common, reversed(middling), strict=False)],
        "absent together": ["apartleft apartright "] * 5,
        "phrase": phrases,
        "prefix": [chance.choice(chance.choice(texts))[:4].ljust(3, "a") for _ in range(10)],
        "Chinese": [chance.choice(han)[at : at + 2] for at in range(10)],
    }


def times(ways: Sequence[Callable[[str], Any]], typed: list[str], rounds: int) -> list[list[float]]:
    """Return how long each question took each way, in milliseconds, after one not counted.

    The ways take turns, so that what the machine does meanwhile falls upon all of them, and so
    does being the first: the next one finds the processor's caches filled.
    """
    taken: list[list[float]] = [[] for _ in ways]
    for turn in range(rounds + 1):
        for query in typed:
            for ask, so_far in list(zip(ways, taken, strict=True))[:: -1 if turn % 2 else 1]:
                start = time.perf_counter()
                ask(query)
                if turn:
                    so_far.append((time.perf_counter() - start) * 1_000)
    return taken


def figures(taken: Sequence[list[float]]) -> list[str]:
    """Return the middle and the 95th percentile of what each way took."""
    values = [databases.percentile(one, share) for one in taken for share in (0.5, 0.95)]
    return [f"{value:.1f}" if value >= 1 else f"{value:.2f}" for value in values]


def compared(ours: list[float], bare: list[float], count: int) -> str:
    """Return how many times as long ours took, in the middle, and of the query where it is worst.

    Both are the times of `count` queries, asked one after the other in some rounds.
    """
    worst = max(
        databases.median(ours[n::count]) / databases.median(bare[n::count]) for n in range(count)
    )
    return f"{databases.median(ours) / databases.median(bare):.1f} ({worst:.1f})"


def written(alias: str, person: Any, samples: list[str]) -> float:
    """Return what writing one message takes, in microseconds; the messages are taken back."""
    from django.db import transaction

    from chat.models import ChatMessage
    from threads.models import Thread

    thread = Thread.objects.using(alias).filter(user=person)[0]
    with transaction.atomic(alias):
        start = time.perf_counter()
        for text in samples[:1_000]:
            ChatMessage.objects.using(alias).create(
                user=person, thread=thread, role="user", content=text
            )
        taken = time.perf_counter() - start
        transaction.set_rollback(True, alias)
    return taken / len(samples[:1_000]) * 1e6


def asked(person: Any, *, best: bool) -> Callable[[str], Any]:
    """Return the product's own way to ask."""
    from chat.search.results import search_messages

    return lambda typed: search_messages(person, typed, best=best).hits


def bare(connection: Any, person: Any, statement: str, *, ranked: bool) -> Callable[[str], Any]:
    """Return a way to run one statement over the same index with a driver's cursor."""
    from chat.search import conditions
    from chat.search.query import parse

    def ask(typed: str) -> Any:
        query = parse(typed)
        question = f"{conditions.tsquery_owner(person.pk)} & {conditions.tsquery_words(query)}"
        phrases = [phrase.words for phrase in conditions.phrases(query)]
        sql = statement.format(in_order=" ".join([IN_ORDER] * len(phrases)))
        params = [question, person.pk, *phrases, *([question] if ranked else [])]
        with connection.connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    return ask


IN_ORDER = "AND strpos(concat(' ', chat_search_folded(content), ' '), %s) > 0"
NEWEST = """
    SELECT m.id, m.thread_id, m.role, m.created_at, m.content, t.title
    FROM chat_messages m JOIN threads t ON t.id = m.thread_id
    WHERE chat_search_tokens(m.user_id, m.created_at, m.content) @@ %s::tsquery
        AND m.user_id = %s {in_order}
    ORDER BY m.created_at DESC, m.id DESC LIMIT 31
"""
BEST = """
    SELECT m.id, m.thread_id, m.role, m.created_at, m.content, t.title FROM (
        SELECT * FROM chat_messages
        WHERE chat_search_tokens(user_id, created_at, content) @@ %s::tsquery AND user_id = %s
            {in_order}
        ORDER BY created_at DESC LIMIT 400
    ) AS m JOIN threads t ON t.id = m.thread_id
    ORDER BY ts_rank_cd(chat_search_tokens(m.user_id, m.created_at, content), %s::tsquery) DESC
    LIMIT 31
"""
OLD = """
    SELECT id, content, created_at FROM chat_messages
    WHERE user_id = %s AND to_tsvector('english', content) @@ plainto_tsquery('english', %s)
    ORDER BY created_at DESC LIMIT 31
"""


def measure_postgresql(messages: int, owned: int, rounds: int) -> None:
    """Load, index, search, and print what each kind of query takes."""
    from django.db import connections

    person, samples = load("postgresql", messages, owned)
    connection = connections["postgresql"]
    without = written("postgresql", person, samples)
    with connection.cursor() as cursor:
        start = time.perf_counter()
        cursor.execute(
            "CREATE INDEX chat_messages_tokens_idx ON chat_messages USING gin"
            " (chat_search_tokens(user_id, created_at, content)) WITH (fastupdate = off)"
        )
        built = time.perf_counter() - start
        cursor.execute("VACUUM ANALYZE chat_messages")
        cursor.execute(
            "SELECT pg_relation_size('chat_messages_tokens_idx') / 1e6,"
            " pg_table_size('chat_messages') / 1e6"
        )
        index, table = cursor.fetchone()
    print(
        f"PostgreSQL, {messages:,} messages, {owned:,} of the person who searches.\n"
        f"The index: built in {built:.0f} s, {index:.0f} MB beside {table:.0f} MB of table; "
        f"writing a message takes {written('postgresql', person, samples):.0f} µs with it and "
        f"{without:.0f} µs without.\n",
        flush=True,
    )

    def old(typed: str) -> Any:
        with connection.connection.cursor() as cursor:
            cursor.execute(OLD, [person.pk, typed.strip('" ')])
            return cursor.fetchall()

    newest, best = asked(person, best=False), asked(person, best=True)
    plain = bare(connection, person, NEWEST, ranked=False)
    plain_best = bare(connection, person, BEST, ranked=True)
    rows = []
    for kind, typed in queries(samples).items():
        for query in typed:
            if [hit.id for hit in newest(query)] != [row[0] for row in plain(query)][:30]:
                raise SystemExit(f"{query} finds other messages than it should.")
        row = [kind]
        for ways, turns in (([newest, plain], rounds), ([best, plain_best], max(1, rounds // 3))):
            ours, barely = times(ways, typed, turns)
            row += [*figures([ours, barely]), compared(ours, barely, len(typed))]
        ((old_way,),) = times([old], typed[:1], 1)
        rows.append([*row, f"{old_way:.0f}"])
        print(f"  {rows[-1]}", flush=True)
    head = ["ms"]
    for name in ("newest", "best"):
        head += [f"{name} p50", "p95", "bare p50", "p95", "times (worst)"]
    print(databases.table([*head, "old way"], rows), flush=True)


def measure_sqlite(messages: int, rounds: int) -> None:
    """Load and search, and print what each kind of query takes."""
    from django.db import connections

    person, samples = load("sqlite", messages, messages)
    with connections["sqlite"].cursor() as cursor:
        cursor.execute("SELECT name LIKE 'chat_search%', sum(pgsize) FROM dbstat GROUP BY 1")
        sizes = {bool(ours): size / 1e6 for ours, size in cursor.fetchall()}
    print(
        f"\nSQLite, {messages:,} messages of one person: index {sizes[True]:.0f} MB beside "
        f"{sizes[False]:.0f} MB; writing a message takes "
        f"{written('sqlite', person, samples):.0f} µs.\n"
    )
    rows = []
    for kind, typed in queries(samples).items():
        ways = [asked(person, best=best) for best in (False, True)]
        rows.append([kind, *figures(times(ways, typed, rounds))])
    print(databases.table(["ms", "newest p50", "p95", "best p50", "p95"], rows), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--owned", type=int, default=200_000)
    parser.add_argument("--lite", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    databases.start("postgresql", "sqlite")
    if options.messages:
        measure_postgresql(options.messages, options.owned, options.rounds)
    if options.lite:
        measure_sqlite(options.lite, options.rounds)


if __name__ == "__main__":
    main()
