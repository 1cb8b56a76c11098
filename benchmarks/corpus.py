"""Messages to search and export, in numbers."""

import datetime
import random
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from benchmarks import databases

DAYS = 900
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
CONSONANTS, VOWELS = "bcdfghklmnprstvz", "aeiou"
HAN = [chr(0x4E00 + n) for n in range(0, 6000, 3)]


def vocabulary(size: int, chance: random.Random) -> list[str]:
    """Return words such as `bodaru`, each once."""
    words: dict[str, None] = {}
    while len(words) < size:
        length = chance.choice((1, 2, 2, 3, 3, 4))
        word = "".join(chance.choice(CONSONANTS) + chance.choice(VOWELS) for _ in range(length))
        words[word + chance.choice(("", "n", "s", "t", "k"))] = None
    return list(words)


class Corpus:
    """Messages whose words follow Zipf's law, one in twenty of them partly Chinese."""

    def __init__(self) -> None:
        self.chance = random.Random(7)
        self.words = vocabulary(40_000, self.chance)
        self.weights = [1 / (rank + 3) for rank in range(len(self.words))]
        self.samples: list[str] = []
        # Two words that many messages hold, but never together.
        self.apart = ("apartleft", "apartright")

    def rows(self, count: int) -> Iterator[str]:
        """Yield `count` texts of 5 to 80 words."""
        chance = self.chance
        pool = chance.choices(self.words, weights=self.weights, k=400_000)
        for number in range(count):
            start = chance.randrange(len(pool) - 80)
            words = pool[start : start + chance.choice((5, 12, 20, 30, 45, 80))]
            chance.shuffle(words)
            if number % 10 < 2:
                words.append(self.apart[number % 10])
            if number % 20 == 0:
                words.append("".join(chance.choices(HAN, weights=range(len(HAN), 0, -1), k=12)))
            yield " ".join(words).capitalize() + "."


def load(alias: str, messages: int, owned: int) -> tuple[Any, list[str]]:
    """Fill the database, on PostgreSQL without the index; return the person and some texts."""
    from django.db import connections

    from chat.models import ChatMessage
    from threads.models import Thread
    from users.models import User

    corpus = Corpus()
    person = User.objects.db_manager(alias).create_user("heavy@example.com")
    others = [
        User.objects.db_manager(alias).create_user(f"user{n}@example.com")
        for n in range(200 if messages > owned else 0)
    ]
    threads = {
        user.pk: [
            Thread.objects.using(alias).create(user=user, title=f"Thread {n}")
            for n in range(200 if user == person else 5)
        ]
        for user in [person, *others]
    }
    connection = connections[alias]
    share = owned / messages
    samples: list[str] = []
    rows: list[tuple[Any, ...]] = []
    for number, text in enumerate(corpus.rows(messages)):
        mine = corpus.chance.random() < share
        user = person if mine else corpus.chance.choice(others)
        when = NOW - datetime.timedelta(days=DAYS * (1 - number / messages))
        thread = corpus.chance.choice(threads[user.pk])
        role = corpus.chance.choice(("user", "assistant", "twin"))
        rows.append((uuid.uuid4(), user.pk, thread.pk, role, text, when, when))
        if mine and len(samples) < 2_000 and number % 7 == 0:
            samples.append(text)
    with databases.without_triggers(alias) if alias == "postgresql" else nullcontext():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("DROP INDEX IF EXISTS chat_messages_tokens_idx")
                with cursor.copy(
                    "COPY chat_messages (id, user_id, thread_id, role, content,"
                    " created_at, updated_at) FROM STDIN"
                ) as copy:
                    for row in rows:
                        copy.write_row(row)
        else:
            fields = ("id", "user_id", "thread_id", "role", "content", "created_at", "updated_at")
            ChatMessage.objects.using(alias).bulk_create(
                (ChatMessage(**dict(zip(fields, row, strict=True))) for row in rows),
                batch_size=5_000,
            )
    return person, samples
