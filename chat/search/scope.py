"""What is searched."""

import datetime
import uuid
from dataclasses import dataclass

from chat.search.query import SearchQuery


@dataclass(frozen=True)
class Cursor:
    """The place of a message in the order of time; what is found next is older."""

    created_at: datetime.datetime
    id: uuid.UUID


@dataclass
class Scope:
    """What is searched: whose messages, with which properties, older than what.

    Attributes:
        threads: Keep these threads; None keeps all.
        words_first: Whether PostgreSQL's index had better begin with the words than with the user.
    """

    owner: uuid.UUID
    query: SearchQuery
    threads: list[uuid.UUID] | None = None
    cursor: Cursor | None = None
    words_first: bool = False
