"""The rows of a demo database, in an order that foreign keys allow."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from chat.demo.conversations import Conversation, Corpus
from chat.demo.people import ADMIN_EMAIL, Character, Crowd, Person
from chat.demo.times import beginning, key, pause

COLUMNS = {
    "users": (
        *("id", "email", "password_hash", "name", "is_staff", "is_superuser"),
        *("created_at", "updated_at"),
    ),
    "personas": (
        *("id", "user_id", "name", "description", "color", "is_active", "metadata"),
        *("created_at", "updated_at"),
    ),
    "threads": ("id", "user_id", "persona_id", "title", "created_at", "updated_at"),
    "chat_messages": (
        *("id", "user_id", "thread_id", "role", "content"),
        *("created_at", "updated_at"),
    ),
}
# (table, values in the order of its COLUMNS)
Row = tuple[str, tuple[object, ...]]
YEAR = 365


@dataclass(frozen=True)
class Plan:
    """What to make; the same plan makes the same rows, keys and times."""

    users: int
    messages: int
    seed: int
    day: date
    admin_hash: str
    user_hash: str


def rows(plan: Plan) -> Iterator[Row]:
    """Make the admin, then each person with personas, threads and messages."""
    chance = random.Random(plan.seed)  # noqa: S311 - believable, not secret
    corpus = Corpus()
    start = datetime(plan.day.year, plan.day.month, plan.day.day, tzinfo=UTC)
    start -= timedelta(days=YEAR + 30)
    yield _user(chance, "Demo Admin", ADMIN_EMAIL, plan.admin_hash, start, staff=True)[1]
    people = list(Crowd().people(chance, plan.users))
    for person, messages in zip(people, shares(chance, plan), strict=True):
        joined = start + timedelta(days=chance.random() * 30)
        user, row = _user(chance, person.name, person.email, plan.user_hash, joined)
        yield row
        yield from _life(chance, corpus, plan, person, user, joined, messages)


def shares(chance: random.Random, plan: Plan) -> list[int]:
    """Divide the messages: a few people write much, many write little."""
    weights = [min(chance.paretovariate(1.2), 60) for _ in range(plan.users)]
    total, taken, given = sum(weights), 0.0, 0
    parts = []
    for weight in weights:
        taken += weight
        parts.append(round(plan.messages * taken / total) - given)
        given += parts[-1]
    return parts


def _user(
    chance: random.Random, name: str, email: str, hash_: str, joined: datetime, staff: bool = False
) -> tuple[object, Row]:
    user = key(chance, joined)
    return user, ("users", (user, email, hash_, name, staff, staff, joined, joined))


def _life(
    chance: random.Random,
    corpus: Corpus,
    plan: Plan,
    person: Person,
    user: object,
    joined: datetime,
    messages: int,
) -> Iterator[Row]:
    personas: list[tuple[object, Character]] = []
    for place, character in enumerate(person.characters):
        made = joined + timedelta(days=place, minutes=chance.random() * 600)
        persona = key(chance, made)
        personas.append((persona, character))
        metadata = json.dumps({"tone": character.tone, "sampleCount": chance.randrange(40)})
        fields = (character.name, character.description, character.color, place == 0, metadata)
        yield "personas", (persona, user, *fields, made, made)
    while messages > 0:
        length = min(messages, 2 + int(2 * min(chance.paretovariate(0.9), 60)))
        if messages - length == 1:
            length += 1
        yield from _thread(chance, corpus, plan, user, personas, length)
        messages -= length


def _thread(
    chance: random.Random,
    corpus: Corpus,
    plan: Plan,
    user: object,
    personas: list[tuple[object, Character]],
    length: int,
) -> Iterator[Row]:
    conversation = Conversation(corpus, chance)
    persona, character = chance.choice(personas) if chance.random() < 0.5 else (None, None)
    role = "twin" if character else "assistant"
    said: list[tuple[timedelta, str, str]] = []
    elapsed = timedelta()
    for place, text in enumerate(islice(conversation.spoken(), length)):
        reply = place % 2 == 1
        if reply and character:
            text = chance.choice(character.openings) + text
        elapsed += pause(chance, len(text), reply=reply)
        said.append((elapsed, role if reply else "user", text))
    begun = beginning(chance, plan.day, YEAR) - timedelta(days=elapsed.days)
    thread = key(chance, begun)
    yield "threads", (thread, user, persona, conversation.title, begun, begun)
    for after, speaker, text in said:
        now = begun + after
        yield "chat_messages", (key(chance, now), user, thread, speaker, text, now, now)
