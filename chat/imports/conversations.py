"""Reads the conversations of other programs: ChatGPT's export and Open WebUI's.

Both keep a tree of messages, of which the branch that was shown last is taken in.
"""

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from chat.imports.items import Item, LeftOut
from chat.imports.reading import RefusedError, mapping, moment, text

TICK = datetime.timedelta(microseconds=1)


def chatgpt(conversation: dict[str, Any]) -> Iterator[Item | LeftOut]:
    """Read one conversation of ChatGPT's conversations.json."""
    nodes = mapping(conversation.get("mapping"), "A conversation's mapping")
    name = conversation.get("conversation_id") or conversation.get("id")
    thread = _thread("chatgpt", name, conversation, "create_time", "update_time")
    branch = _branch(nodes, conversation.get("current_node"), "parent")
    said: list[tuple[str, str, str, Any]] = []
    for key, node in branch:
        message = node.get("message")
        if message is None:
            continue  # the root of the tree
        message = mapping(message, "A message")
        role = mapping(message.get("author") or {}, "A message's author").get("role")
        if role not in {"user", "assistant"}:
            if _chatgpt_text(message)[0]:
                yield LeftOut("messages of the system or of a tool")
            continue
        content, others = _chatgpt_text(message)
        for _ in range(others):
            yield LeftOut("images, files and other attachments")
        if content:
            said.append((key, role, content, message.get("create_time")))
        elif not others:
            yield LeftOut("messages without text")
    yield from _taken(thread, said)
    off = sum(1 for node in nodes.values() if isinstance(node, dict) and node.get("message"))
    for _ in range(max(0, off - sum(1 for _, node in branch if node.get("message")))):
        yield LeftOut("messages on branches that were not shown last")


def _chatgpt_text(message: dict[str, Any]) -> tuple[str, int]:
    """Return a message's text, and how many parts of it are something else."""
    content = message.get("content")
    if not isinstance(content, dict):
        return "", 1 if content else 0
    kind = content.get("content_type")
    if kind == "code" and isinstance(content.get("text"), str):
        return f"```\n{content['text']}\n```" if content["text"] else "", 0
    parts = content.get("parts")
    if kind not in {"text", "multimodal_text"} or not isinstance(parts, list):
        return "", 1
    texts = [part for part in parts if isinstance(part, str) and part]
    others = sum(1 for part in parts if not isinstance(part, str) and part is not None)
    return "\n".join(texts), others


def openwebui(chat: dict[str, Any]) -> Iterator[Item | LeftOut]:
    """Read one chat of Open WebUI's export."""
    inner = mapping(chat.get("chat"), "A chat")
    history = mapping(inner.get("history"), "A chat's history")
    nodes = mapping(history.get("messages"), "A history's messages")
    outer = {"title": inner.get("title")} | chat
    thread = _thread("openwebui", chat.get("id"), outer, "created_at", "updated_at")
    if chat.get("pinned") is True:
        thread.row["pinned_at"] = thread.row["created_at"]
    if chat.get("archived") is True:
        thread.row["archived_at"] = thread.row["created_at"]
    branch = _branch(nodes, history.get("currentId"), "parentId")
    said: list[tuple[str, str, str, Any]] = []
    for key, node in branch:
        content = node.get("content")
        if isinstance(content, list):
            parts = [part for part in content if isinstance(part, dict)]
            content = "\n".join(str(part["text"]) for part in parts if part.get("text"))
        for _ in node.get("files") or []:
            yield LeftOut("images, files and other attachments")
        if node.get("role") not in {"user", "assistant"}:
            yield LeftOut("messages of the system or of a tool")
        elif not isinstance(content, str) or not content:
            yield LeftOut("messages without text")
        else:
            said.append((key, node["role"], content, node.get("timestamp")))
    yield from _taken(thread, said)
    for _ in range(len(nodes) - len(branch)):
        yield LeftOut("messages on branches that were not shown last")


def _thread(program: str, name: Any, row: dict[str, Any], made: str, changed: str) -> Item:
    if not isinstance(name, str) or not name:
        raise RefusedError("A conversation has no id.")
    created = moment(row.get(made)) or timezone.now()
    title = row.get("title")
    title = text(title, "A title").strip()[:255] if isinstance(title, str) else ""
    fields = {
        "title": title or "Untitled",
        "created_at": created,
        "updated_at": moment(row.get(changed)) or created,
    }
    return Item("thread", f"{program}:{text(name, 'An id', 200)}", fields)


def _branch(nodes: dict[str, Any], last: Any, parent: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the nodes from the first to `last`."""
    if last is None and nodes:
        parents = {node.get(parent) for node in nodes.values() if isinstance(node, dict)}
        last = next((key for key in reversed(nodes) if key not in parents), None)
        if last is None:
            raise RefusedError("A conversation goes round in a circle.")
    branch: list[tuple[str, dict[str, Any]]] = []
    seen: set[str] = set()
    while last is not None:
        if not isinstance(last, str) or last not in nodes:
            raise RefusedError("A message follows one that is not in the file.")
        if last in seen:
            raise RefusedError("A conversation goes round in a circle.")
        seen.add(last)
        node = mapping(nodes[last], "A message")
        branch.append((last, node))
        last = node.get(parent)
    return branch[::-1]


def _taken(thread: Item, said: list[tuple[str, str, str, Any]]) -> Iterator[Item | LeftOut]:
    """Yield the thread and what was said, each message later than the one before."""
    if not said:
        yield LeftOut("conversations without a message")
        return
    yield thread
    latest = thread.row["created_at"] - TICK
    for key, role, content, when in said:
        latest = max(moment(when) or latest, latest + TICK)
        row = {
            "thread": thread.key,
            "role": role,
            "content": text(content, "A message"),
            "created_at": latest,
            "updated_at": latest,
        }
        yield Item("message", f"{thread.key}:{uuid.uuid5(uuid.NAMESPACE_OID, key)}", row)
