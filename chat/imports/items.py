"""What the readers of all formats yield."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["persona", "sample", "thread", "message", "version", "reply"]


@dataclass
class Item:
    """A row to add. A reference in `row` is the `key` of another item.

    Attributes:
        kind: The model.
        key: The row's name in its file, the same each time the file is read.
        row: The values of the model's fields.
    """

    kind: Kind
    key: str
    row: dict[str, Any] = field(default_factory=dict)


@dataclass
class Conversation:
    """A thread of another program with its messages, oldest first.

    The keys of the messages are unique in the conversation. Its rows refer to no thread yet.
    """

    thread: Item
    messages: list[Item]


@dataclass
class Skipped:
    """Something in the file that is not imported, and what it is."""

    reason: str


@dataclass
class Problem:
    """A part of the file that cannot be imported, or not whole, by its place and title."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason


Read = Item | Conversation | Skipped | Problem
