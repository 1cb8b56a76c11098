"""Make the rows of a demo database, in an order that foreign keys allow."""

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
    """What to make. The same plan makes the same rows, keys and times."""

    users: int
    messages: int
    seed: int
    day: date
    admin_hash: str
    user_hash: str


def rows(plan: Plan) -> Iterator[Row]:
    """Yield the admin, then each person with personas, threads and messages."""
    return Rows(plan).all()


class Rows:
    """Makes the rows of a plan, with one random generator for all of them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = random.Random(plan.seed)  # noqa: S311 - not for secrets
        self.corpus = Corpus()
        day = datetime(plan.day.year, plan.day.month, plan.day.day, tzinfo=UTC)
        self.start = day - timedelta(days=YEAR + 30)

    def all(self) -> Iterator[Row]:
        """Yield the admin, then each person."""
        yield self._user(ADMIN_EMAIL, "Demo Admin", self.start, is_staff=True)
        people = list(Crowd().people(self.random, self.plan.users))
        for person, messages in zip(people, self._shares(), strict=True):
            joined = self.start + timedelta(days=self.random.random() * 30)
            row = self._user(person.email, person.name, joined)
            yield row
            yield from self._activity(person, row[1][0], joined, messages)

    def _shares(self) -> list[int]:
        """Divide the messages: a few people write much, many write little."""
        users = range(self.plan.users)
        weights = [min(self.random.paretovariate(1.2), 60) for _ in users]
        total, taken, given = sum(weights), 0.0, 0
        parts = []
        for weight in weights:
            taken += weight
            parts.append(round(self.plan.messages * taken / total) - given)
            given += parts[-1]
        return parts

    def _user(self, email: str, name: str, joined: datetime, *, is_staff: bool = False) -> Row:
        user = key(self.random, joined)
        password = self.plan.admin_hash if is_staff else self.plan.user_hash
        return "users", (user, email, password, name, is_staff, is_staff, joined, joined)

    def _activity(
        self, person: Person, user: object, joined: datetime, messages: int
    ) -> Iterator[Row]:
        """Yield a person's personas, and threads with so many messages in all."""
        personas: list[tuple[object, Character]] = []
        for place, character in enumerate(person.characters):
            made = joined + timedelta(days=place, minutes=self.random.random() * 600)
            persona = key(self.random, made)
            personas.append((persona, character))
            samples = self.random.randrange(40)
            metadata = json.dumps({"tone": character.tone, "sampleCount": samples})
            fields = (character.name, character.description, character.color, place == 0, metadata)
            yield "personas", (persona, user, *fields, made, made)
        while messages > 0:
            length = min(messages, 2 + int(2 * min(self.random.paretovariate(0.9), 60)))
            if messages - length == 1:
                length += 1
            yield from self._thread(user, personas, length)
            messages -= length

    def _thread(
        self, user: object, personas: list[tuple[object, Character]], length: int
    ) -> Iterator[Row]:
        """Yield a thread and its messages, half of the time with a persona."""
        conversation = Conversation(self.corpus, self.random)
        has_persona = self.random.random() < 0.5
        persona, character = self.random.choice(personas) if has_persona else (None, None)
        role = "twin" if character else "assistant"
        messages: list[tuple[timedelta, str, str]] = []
        elapsed = timedelta()
        for place, text in enumerate(islice(conversation.texts(), length)):
            is_reply = place % 2 == 1
            if is_reply and character:
                text = self.random.choice(character.openings) + text
            elapsed += pause(self.random, len(text), is_reply=is_reply)
            messages.append((elapsed, role if is_reply else "user", text))
        begun = beginning(self.random, self.plan.day, YEAR) - timedelta(days=elapsed.days)
        thread = key(self.random, begun)
        yield "threads", (thread, user, persona, conversation.title, begun, begun)
        for after, speaker, text in messages:
            now = begun + after
            message = key(self.random, now)
            yield "chat_messages", (message, user, thread, speaker, text, now, now)
