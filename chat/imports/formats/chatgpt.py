"""Read ChatGPT's conversations.json."""

import re
from typing import Any

from chat.imports.reading import mapping
from chat.imports.trees import ATTACHMENTS, NOT_SPEECH, Node, Tree

# References to sources, which the text around them does without: two generations.
CITATIONS = re.compile(
    "\ue200(?:cite|filecite|navlist|video|image_group|entity)?[^\ue201\n]{0,2000}\ue201|【[0-9]+[†:][^】\n]{0,200}】"
)


def matches(value: dict[str, Any]) -> bool:
    """Return whether this is a conversation of ChatGPT."""
    return "mapping" in value


def read(value: dict[str, Any]) -> Tree:
    """Read one conversation."""
    nodes: dict[str, Node] = {}
    problems: list[str] = []
    for key, node in mapping(value.get("mapping"), "Its mapping").items():
        message = node.get("message") if isinstance(node, dict) else "missing"
        if not isinstance(node, dict):
            continue
        if message is not None and not isinstance(message, dict):
            problems.append("A message could not be read.")
            message = None
        nodes[key] = _node(node.get("parent"), message) if message else Node(node.get("parent"))
    return Tree(
        name=value.get("conversation_id") or value.get("id"),
        title=value.get("title"),
        nodes=nodes,
        leaf=value.get("current_node"),
        created=value.get("create_time"),
        updated=value.get("update_time"),
        is_archived=value.get("is_archived") is True,
        problems=problems,
    )


def _node(parent: Any, message: dict[str, Any]) -> Node:
    author = message.get("author")
    role = author.get("role") if isinstance(author, dict) else None
    text, skipped = _text(message.get("content"))
    metadata = message.get("metadata")
    is_hidden = isinstance(metadata, dict) and (
        metadata.get("is_visually_hidden_from_conversation") is True
        or metadata.get("is_user_system_message") is True
    )
    is_speech = (
        role in ("user", "assistant")
        and message.get("recipient") in (None, "all")
        and message.get("channel") in (None, "final")
        and not is_hidden
    )
    node = Node(parent, time=message.get("create_time"))
    if is_speech:
        node.role, node.text, node.skipped = str(role), CITATIONS.sub("", text), skipped
    elif text or skipped:
        node.skipped = [NOT_SPEECH]
    return node


def _text(content: Any) -> tuple[str, list[str]]:
    """Return a message's text, and what it holds besides."""
    if not isinstance(content, dict):
        return "", [NOT_SPEECH] if content else []
    kind, code, parts = (content.get(name) for name in ("content_type", "text", "parts"))
    if kind == "code" and isinstance(code, str):
        return f"```\n{code}\n```" if code else "", []
    if kind not in ("text", "multimodal_text") or not isinstance(parts, list):
        return "", [NOT_SPEECH]
    texts = [_part(part) for part in parts if part is not None]
    return "\n".join(filter(None, texts)), [ATTACHMENTS for text in texts if text is None]


def _part(part: Any) -> str | None:
    """Return what a part of a message says, written or spoken; None for anything else."""
    if isinstance(part, dict) and part.get("content_type") == "audio_transcription":
        part = part.get("text")
    return part if isinstance(part, str) else None
