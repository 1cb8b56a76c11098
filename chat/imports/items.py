"""What the readers of each format hand over."""

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["persona", "thread", "message", "version", "reply"]


@dataclass
class Item:
    """One row to be; references in `row` are the `key` of another item.

    Attributes:
        kind: What it is.
        key: What it is called in its file: the same each time the file is read.
        row: The values of the model's fields.
    """

    kind: Kind
    key: str
    row: dict[str, Any] = field(default_factory=dict)


@dataclass
class LeftOut:
    """Something in the file that is not taken in, and why."""

    reason: str
