"""Read SillyTavern's chats: JSONL, a head and then a message on each line."""

import datetime
from collections.abc import Iterable
from typing import Any

from chat.imports.trees import ATTACHMENTS, NOT_SPEECH, Node, Tree, chain

# How its versions have written the time of a message.
TIMES = (
    "%B %d, %Y %I:%M%p",
    "%Y-%m-%d@%Hh%Mm%Ss",
    "%Y-%m-%d@%Hh%Mm%Ss%fms",
    "%Y-%m-%d @%Hh %Mm %Ss %fms",
)


def matches(head: dict[str, Any]) -> bool:
    """Return whether this is the first line of a chat."""
    return "character_name" in head and "user_name" in head


def read(head: dict[str, Any], lines: Iterable[Any]) -> Tree:
    """Read a chat."""
    nodes = []
    unreadable = 0
    for line in lines:
        if isinstance(line, dict) and isinstance(line.get("mes"), str):
            nodes.append(_node(line))
        else:
            unreadable += 1
    created = _time(head.get("create_date"))
    return Tree(
        name=f"{head.get('character_name')} {head.get('create_date')}",
        title=f"Chat with {head.get('character_name')}",
        nodes=chain(nodes),
        created=created,
        problems=[f"{unreadable} of its lines could not be read."] if unreadable else [],
    )


def _node(line: dict[str, Any]) -> Node:
    extra = line.get("extra")
    skipped = [ATTACHMENTS] if isinstance(extra, dict) and extra.get("image") else []
    if line.get("is_system") is True:
        return Node(None, skipped=[NOT_SPEECH])
    role = "user" if line.get("is_user") is True else "assistant"
    return Node(None, role, line["mes"], _time(line.get("send_date")), skipped)


def _time(value: Any) -> Any:
    """Return a time in one of SillyTavern's forms as ISO 8601, and any other one as it is."""
    for form in TIMES if isinstance(value, str) else ():
        try:
            found = datetime.datetime.strptime(value, form).replace(tzinfo=datetime.UTC)
        except ValueError:
            continue
        return found.isoformat()
    return value
