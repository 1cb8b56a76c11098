"""Read DeepSeek's conversations.json. It resembles ChatGPT's; its messages are fragments."""

from typing import Any

from chat.imports.reading import mapping
from chat.imports.trees import ATTACHMENTS, NOT_SPEECH, Node, Tree

ROLES = {"REQUEST": "user", "RESPONSE": "assistant"}


def matches(value: dict[str, Any]) -> bool:
    """Return whether this is a conversation of DeepSeek."""
    return "mapping" in value and "inserted_at" in value


def read(value: dict[str, Any]) -> Tree:
    """Read one conversation."""
    nodes: dict[str, Node] = {}
    for key, row in mapping(value["mapping"], "Its mapping").items():
        if isinstance(row, dict):
            message = row.get("message")
            nodes[key] = _node(row.get("parent"), message if isinstance(message, dict) else {})
    return Tree(
        name=value.get("id"),
        title=value.get("title"),
        nodes=nodes,
        created=value.get("inserted_at"),
        updated=value.get("updated_at"),
    )


def _node(parent: Any, message: dict[str, Any]) -> Node:
    node = Node(parent, time=message.get("inserted_at"))
    fragments = message.get("fragments")
    for fragment in fragments if isinstance(fragments, list) else []:
        fields = fragment if isinstance(fragment, dict) else {}
        role, content = ROLES.get(str(fields.get("type"))), fields.get("content")
        if role and isinstance(content, str):
            node.role = node.role or role
            node.text = f"{node.text}\n\n{content}".strip("\n")
        else:
            node.skipped.append(NOT_SPEECH)
    files = message.get("files")
    node.skipped += [ATTACHMENTS] * len(files) if isinstance(files, list) else []
    return node
