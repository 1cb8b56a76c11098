"""Read Open WebUI's chat export, of all its ages."""

import hashlib
import json
from typing import Any

from chat.imports.reading import RefusedError, mapping
from chat.imports.trees import ATTACHMENTS, NOT_SPEECH, REASONING, Node, Tree, chain


def matches(value: dict[str, Any]) -> bool:
    """Return whether this is a chat, or what Open WebUI calls its legacy format."""
    if "chat" in value or "history" in value:
        return True
    messages = value.get("messages")
    return isinstance(messages, list) and all(
        isinstance(message, dict) and "role" in message for message in messages[:3]
    )


def read(value: dict[str, Any]) -> Tree:
    """Read one chat."""
    inner = mapping(value.get("chat", value), "The chat")
    problems: list[str] = []
    nodes, leaf = _nodes(inner, problems)
    known = json.dumps([inner.get("title"), inner.get("history"), inner.get("messages")])
    outer = {"title": inner.get("title"), "created_at": inner.get("timestamp")} | value
    return Tree(
        name=value.get("id") or inner.get("id") or hashlib.sha256(known.encode()).hexdigest(),
        title=outer.get("title"),
        nodes=nodes,
        leaf=leaf,
        created=outer.get("created_at"),
        updated=value.get("updated_at"),
        is_pinned=value.get("pinned") is True,
        is_archived=value.get("archived") is True,
        problems=problems,
    )


def _nodes(inner: dict[str, Any], problems: list[str]) -> tuple[dict[str, Node], Any]:
    """Return the messages and which was shown last. Older versions kept only a list."""
    history = inner.get("history")
    messages = history.get("messages") if isinstance(history, dict) else None
    if isinstance(messages, dict):
        rows = {key: row for key, row in messages.items() if isinstance(row, dict)}
        if len(rows) < len(messages):
            problems.append("A message could not be read.")
        nodes = {key: _node(row.get("parentId"), row) for key, row in rows.items()}
        return nodes, history.get("currentId") if isinstance(history, dict) else None
    if isinstance(inner.get("messages"), list):
        listed = [_node(None, row) for row in inner["messages"] if isinstance(row, dict)]
        return chain(listed), None
    raise RefusedError("It has no messages.")


def _node(parent: Any, row: dict[str, Any]) -> Node:
    text, skipped = _text(row)
    if row.get("role") in ("user", "assistant"):
        return Node(parent, row["role"], text, row.get("timestamp"), skipped)
    return Node(parent, time=row.get("timestamp"), skipped=[*skipped, NOT_SPEECH])


def _text(row: dict[str, Any]) -> tuple[str, list[str]]:
    """Return a message's text, and what it holds besides."""
    content, files = row.get("content"), row.get("files") or []
    skipped = [ATTACHMENTS] * (len(files) if isinstance(files, list) else 1)
    if not content and isinstance(row.get("output"), list):
        content = _output(row["output"])
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else part for part in content]
        skipped += [ATTACHMENTS for text in texts if not isinstance(text, str)]
        content = "\n".join(text for text in texts if isinstance(text, str))
    if not isinstance(content, str):
        return "", skipped
    text = REASONING.sub("", content)
    return text, skipped if text == content else [*skipped, NOT_SPEECH]


def _output(output: list[Any]) -> list[Any]:
    """Return the text parts of an answer in the form of OpenAI's responses."""
    rows = [row for row in output if isinstance(row, dict) and row.get("type") == "message"]
    contents = [row["content"] for row in rows if isinstance(row.get("content"), list)]
    return [part for content in contents for part in content]
