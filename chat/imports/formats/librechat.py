"""Read LibreChat's export of a conversation, as a tree or as a list."""

from typing import Any

from chat.imports.reading import RefusedError
from chat.imports.trees import ATTACHMENTS, NOT_SPEECH, Node, Tree


def matches(value: dict[str, Any]) -> bool:
    """Return whether this is a conversation of LibreChat."""
    return "conversationId" in value and "messages" in value


def read(value: dict[str, Any]) -> Tree:
    """Read the conversation."""
    if not isinstance(value["messages"], list):
        raise RefusedError("It has no messages.")
    nodes: dict[str, Node] = {}
    waiting = list(reversed(value["messages"]))
    while waiting:
        row = waiting.pop()
        if isinstance(row, dict):
            nodes[str(row.get("messageId") or len(nodes))] = _node(row)
            children = row.get("children")
            waiting += reversed(children) if isinstance(children, list) else []
    for node in nodes.values():  # the first message names a parent that is none
        node.parent = node.parent if node.parent in nodes else None
    return Tree(
        name=value.get("conversationId"),
        title=value.get("title"),
        nodes=nodes,
        created=value.get("createdAt"),
        updated=value.get("updatedAt"),
    )


def _node(row: dict[str, Any]) -> Node:
    content = row.get("content")
    texts = [row["text"]] if isinstance(row.get("text"), str) and row["text"] else []
    skipped = [ATTACHMENTS] * len(row["files"]) if isinstance(row.get("files"), list) else []
    for part in content if isinstance(content, list) and not texts else []:
        text = part.get("text") if isinstance(part, dict) else part
        text = text.get("value") if isinstance(text, dict) else text
        if isinstance(text, str):
            texts.append(text)
        else:
            skipped.append(NOT_SPEECH)
    role = "user" if row.get("isCreatedByUser") is True else "assistant"
    parent = row.get("parentMessageId")
    parent = parent if isinstance(parent, str) else None
    return Node(parent, role, "\n".join(texts), row.get("createdAt"), skipped)
