"""Turn the message trees of other programs into conversations.

Other programs keep every answer that was generated again and every edited question, so their
messages form a tree. The branch that was shown last is imported. Its leaf may be missing and
the tree may be broken: then the newest branch is imported as far as it reaches.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop

from chat.imports.items import Conversation, Item, Problem, Read, Skipped
from chat.imports.reading import RefusedError, timestamp
from chat.unicode import one_line, storable

LONG_AGO = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
TICK = datetime.timedelta(microseconds=1)
MAX_TITLE = 255
MAX_NAME = 200
ATTACHMENTS = "images, files and other attachments"
NOT_SPEECH = "thoughts, tool calls and other messages that are not part of the conversation"
EMPTY = "messages without text"
BRANCHES = "messages on branches that were not shown last"
NO_TIME = "timestamps that could not be read"
REPLACED = "texts in which a character that cannot be stored was replaced by �"
NO_MESSAGE = "conversations without a message"
# What Open WebUI and others put into the text of an answer.
REASONING = re.compile(
    r"<(think|thinking)>.*?</\1>\s*|<details type=\"(?:reasoning|tool_calls)\".*?</details>\s*",
    re.DOTALL,
)


@dataclass
class Node:
    """A message of another program.

    Attributes:
        parent: The key of the message before it.
        role: `user` or `assistant`; empty for what is not part of the conversation.
        text: What was written, as Markdown.
        time: The timestamp as it stands in the file.
        skipped: What of the message is not imported.
    """

    parent: Any
    role: str = ""
    text: str = ""
    time: Any = None
    skipped: list[str] = field(default_factory=list)


@dataclass
class Tree:
    """A conversation of another program.

    Attributes:
        name: What the program calls it, the same in each export.
        nodes: Its messages by key, in the order of the file.
        leaf: The key of the message that was shown last, if the file tells it.
        problems: What in it could not be read.
    """

    name: Any
    title: Any
    nodes: dict[str, Node]
    leaf: Any = None
    created: Any = None
    updated: Any = None
    is_pinned: bool = False
    is_archived: bool = False
    problems: list[str] = field(default_factory=list)


def chain(nodes: list[Node], keys: list[str] | None = None) -> dict[str, Node]:
    """Return the messages of a list as a tree of one branch."""
    keys = keys or [str(place) for place in range(len(nodes))]
    before: str | None = None
    for key, node in zip(keys, nodes, strict=True):
        node.parent, before = before, key
    return dict(zip(keys, nodes, strict=True))


def label(title: Any) -> str:
    """Return a title as the report quotes it."""
    return f"“{one_line(title)[:60]}”" if isinstance(title, str) and title.strip() else "Untitled"


def read_tree(program: str, tree: Tree) -> Iterator[Read]:
    """Yield the conversation, and what of it is not imported.

    Raises:
        RefusedError: The conversation has no name.
    """
    if not isinstance(tree.name, str) or not tree.name:
        raise RefusedError(gettext_noop("It has no id."))
    path, is_broken = branch(tree)
    yield from (Problem(label(tree.title), reason) for reason in tree.problems)
    if is_broken:
        reason = "Its beginning is missing; it is imported from the first message that is there."
        yield Problem(label(tree.title), reason)
    spoken = [(key, tree.nodes[key]) for key in path]
    for _, node in spoken:
        yield from map(Skipped, node.skipped)
        if node.role and not node.text.strip() and not node.skipped:
            yield Skipped(EMPTY)
    spoken = [(key, node) for key, node in spoken if node.role and node.text.strip()]
    if spoken:
        yield from _conversation(program, tree, spoken)
    else:
        yield Skipped(NO_MESSAGE)
    on_path = set(path)
    for key, node in tree.nodes.items():
        if key not in on_path and (node.role or node.skipped):
            yield Skipped(BRANCHES)


def branch(tree: Tree) -> tuple[list[str], bool]:
    """Return the keys of the branch to import, oldest first, and whether its start is missing.

    A branch that begins with an answer, or is empty, lost what was before it. It continues the
    newest branch of the earlier messages, as in a list.
    """
    nodes = tree.nodes
    times = {key: timestamp(node.time) for key, node in nodes.items()}
    order = sorted(nodes, key=lambda key: times[key] or LONG_AGO)
    place = {key: number for number, key in enumerate(order)}
    parents = {node.parent for node in nodes.values() if isinstance(node.parent, str)}
    leaf = tree.leaf if isinstance(tree.leaf, str) and tree.leaf in nodes else None
    if leaf is None:
        leaves = [key for key in order if key not in parents]
        leaf = next(reversed(leaves or order), None)
    path: list[str] = []
    seen: set[str] = set()
    is_broken = False
    end = len(order)
    while leaf is not None:
        key: Any = leaf
        while isinstance(key, str) and key in nodes and key not in seen:
            seen.add(key)
            path.append(key)
            key = nodes[key].parent
        is_broken = is_broken or key is not None
        first = path[-1]
        if nodes[first].role != "assistant" and any(nodes[one].role for one in path):
            break
        end = min(end, place[first]) if nodes[first].role else end
        while end and order[end - 1] in seen:
            end -= 1
        leaf = order[end - 1] if end else None
    return path[::-1], is_broken


def _conversation(program: str, tree: Tree, spoken: list[tuple[str, Node]]) -> Iterator[Read]:
    """Yield the conversation with timestamps that increase from message to message."""
    times = [timestamp(node.time) for _, node in spoken]
    created = timestamp(tree.created) or next(filter(None, times), timezone.now())
    name = storable(tree.name)
    if len(name) > MAX_NAME:
        name = hashlib.sha256(name.encode()).hexdigest()
    title = storable(tree.title).strip()[:MAX_TITLE] if isinstance(tree.title, str) else ""
    row: dict[str, Any] = {
        "title": title or "Untitled",
        "created_at": created,
        "updated_at": timestamp(tree.updated) or created,
    }
    row |= {"pinned_at": created} if tree.is_pinned else {}
    row |= {"archived_at": created} if tree.is_archived else {}
    messages = []
    latest = created - TICK
    for (key, node), time in zip(spoken, times, strict=True):
        if node.time is not None and time is None:
            yield Skipped(NO_TIME)
        content = storable(node.text)
        if content != node.text:
            yield Skipped(REPLACED)
        latest = max(time or latest, latest + TICK)
        message: dict[str, Any] = {"role": node.role, "content": content}
        message |= {"created_at": latest, "updated_at": latest}
        messages.append(
            Item("message", str(uuid.uuid5(uuid.NAMESPACE_OID, storable(key))), message)
        )
    yield Conversation(Item("thread", f"{program}:{name}", row), messages)
    if isinstance(tree.title, str) and storable(tree.title) != tree.title:
        yield Skipped(REPLACED)
