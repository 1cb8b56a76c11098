"""Read the conversations in Grok's prod-grok-backend.json."""

from typing import Any

from chat.imports.reading import RefusedError, mapping
from chat.imports.trees import ATTACHMENTS, Node, Tree, chain


def matches(value: dict[str, Any]) -> bool:
    """Return whether this is a conversation of Grok."""
    return "conversation" in value and "responses" in value


def read(value: dict[str, Any]) -> Tree:
    """Read one conversation."""
    facts = mapping(value["conversation"], "The conversation")
    if not isinstance(value["responses"], list):
        raise RefusedError("It has no messages.")
    outer = [row for row in value["responses"] if isinstance(row, dict)]
    rows = [row.get("response", row) for row in outer]
    rows = [row for row in rows if isinstance(row, dict)]
    keys = [str(row.get("_id") or place) for place, row in enumerate(rows)]
    nodes = chain([_node(row) for row in rows], keys if len(set(keys)) == len(keys) else None)
    for key, row in zip(keys, rows, strict=True):
        if row.get("parent_response_id") in nodes and key in nodes:
            nodes[key].parent = row["parent_response_id"]
    return Tree(
        name=facts.get("id"),
        title=facts.get("title"),
        nodes=nodes,
        leaf=facts.get("leaf_response_id"),
        created=facts.get("create_time"),
        updated=facts.get("modify_time"),
        is_pinned=facts.get("starred") is True,
    )


def _node(row: dict[str, Any]) -> Node:
    text = row.get("message")
    role = "user" if str(row.get("sender")).lower() == "human" else "assistant"
    files = row.get("file_attachments")
    skipped = [ATTACHMENTS] * len(files) if isinstance(files, list) else []
    return Node(None, role, text if isinstance(text, str) else "", row.get("create_time"), skipped)
