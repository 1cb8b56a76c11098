"""Read Claude's conversations.json."""

from typing import Any

from chat.imports.reading import RefusedError
from chat.imports.trees import ATTACHMENTS, NOT_SPEECH, Node, Tree, chain

ROLES = {"human": "user", "assistant": "assistant"}
# The parent of a first message.
NO_PARENT = "00000000-0000-4000-8000-000000000000"


def matches(value: dict[str, Any]) -> bool:
    """Return whether this is a conversation of Claude."""
    return "chat_messages" in value


def read(value: dict[str, Any]) -> Tree:
    """Read one conversation. Newer exports name each message's parent, older ones are lists."""
    messages = value["chat_messages"]
    if not isinstance(messages, list):
        raise RefusedError("It has no messages.")
    rows = [row for row in messages if isinstance(row, dict)]
    keys = [str(row.get("uuid") or place) for place, row in enumerate(rows)]
    nodes = chain([_node(row) for row in rows], keys) if len(set(keys)) == len(keys) else {}
    if not nodes:
        nodes = chain([_node(row) for row in rows])
    elif all(isinstance(row.get("parent_message_uuid"), str) for row in rows):
        for key, row in zip(keys, rows, strict=True):
            parent = row["parent_message_uuid"]
            nodes[key].parent = None if parent == NO_PARENT else parent
    return Tree(
        name=value.get("uuid"),
        title=value.get("name"),
        nodes=nodes,
        leaf=value.get("current_leaf_message_uuid"),
        created=value.get("created_at"),
        updated=value.get("updated_at"),
        problems=["A message could not be read."] if len(rows) < len(messages) else [],
    )


def _node(row: dict[str, Any]) -> Node:
    content = row.get("content")
    texts: list[str] = []
    skipped: list[str] = []
    for part in content if isinstance(content, list) else []:
        text = part.get("text") if isinstance(part, dict) else None
        if isinstance(text, str) and part.get("type", "text") == "text":
            texts.append(text)
        else:
            skipped.append(NOT_SPEECH)
    if not texts and isinstance(row.get("text"), str):
        texts.append(row["text"])
    for name in ("attachments", "files"):
        files = row.get(name)
        skipped += [ATTACHMENTS] * len(files) if isinstance(files, list) else []
    role = ROLES.get(str(row.get("sender")), "")
    return Node(None, role, "\n\n".join(texts), row.get("created_at"), skipped)
