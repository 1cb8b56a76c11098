"""Demo users and their personas."""

import random
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Nobody can register this top-level domain (RFC 2606), so no real person has such an address.
DOMAIN = "demo.example"
ADMIN_EMAIL = f"admin@{DOMAIN}"


@dataclass(frozen=True)
class Character:
    """A persona of a demo user. Its replies begin with one of its openings."""

    name: str
    description: str
    color: str
    tone: str
    openings: tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """A demo user."""

    name: str
    email: str
    characters: tuple[Character, ...]


class Crowd:
    """The names and characters of the people."""

    def __init__(self) -> None:
        found = tomllib.loads(Path(__file__).with_name("people.toml").read_text("utf-8"))
        self.given: list[str] = found["given"]
        self.family: list[str] = found["family"]
        self.others: list[list[str]] = found["others"]
        self.characters = [
            Character(**{**fields, "openings": tuple(fields["openings"])})
            for fields in found["personas"]
        ]

    def people(self, chance: random.Random, number: int) -> Iterator[Person]:
        """Yield `number` people with different e-mail addresses."""
        taken: dict[str, int] = {}
        for _ in range(number):
            if chance.random() < 0.1:
                name, mailbox = chance.choice(self.others)
            else:
                name = f"{chance.choice(self.given)} {chance.choice(self.family)}"
                mailbox = mailbox_of(name)
            taken[mailbox] = same = taken.get(mailbox, 0) + 1
            email = f"{mailbox}{same if same > 1 else ''}@{DOMAIN}"
            several = chance.choices([1, 2, 3, 4], [50, 30, 15, 5])[0]
            yield Person(name, email, tuple(chance.sample(self.characters, several)))


def mailbox_of(name: str) -> str:
    """Return the name in lower-case ASCII letters, with dots between its words."""
    plain = unicodedata.normalize("NFKD", name.replace("ł", "l"))
    kept = "".join(sign for sign in plain if sign.isascii() and (sign.isalpha() or sign == " "))
    return kept.lower().replace(" ", ".")
