"""Reads the conversations of other programs: ChatGPT's export and Open WebUI's.

Both keep a tree of messages, of which the branch that was shown last is taken in.
"""

import datetime
import hashlib
import json
import uuid
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from django.utils import timezone

from chat.imports.items import Item, LeftOut
from chat.imports.reading import RefusedError, mapping, moment, text

TICK = datetime.timedelta(microseconds=1)
ATTACHED = "images, files and other attachments"
UNSAID = "thoughts, instructions and other things that nobody said"
OTHERS = "messages of the system or of a tool"
WORDLESS = "messages without text"
BRANCHES = "messages on branches that were not shown last"
TIMELESS = "times that could not be read"

Said = tuple[str, str, str, Any]


def chatgpt(conversation: dict[str, Any]) -> Iterator[Item | LeftOut]:
    """Read one conversation of ChatGPT's conversations.json."""
    nodes = mapping(conversation.get("mapping"), "A conversation's mapping")
    name = conversation.get("conversation_id") or conversation.get("id")
    thread = _thread("chatgpt", name, conversation, "create_time", "update_time")
    archived = conversation.get("is_archived") is True
    branch = _branch(nodes, conversation.get("current_node"), "parent")
    said: list[Said] = []
    for key, node in branch:
        message = node.get("message")
        if message is None:
            continue  # the root of the tree
        message = mapping(message, "A message")
        role = _speaker(mapping(message.get("author") or {}, "A message's author").get("role"))
        content, left_out = _chatgpt_text(message)
        if role is None:
            if content:
                yield LeftOut(OTHERS)
            continue
        yield from map(LeftOut, left_out)
        if content:
            said.append((key, role, content, message.get("create_time")))
        elif not left_out:
            yield LeftOut(WORDLESS)
    yield from _taken(thread, said, archived=archived)
    off = sum(1 for node in nodes.values() if isinstance(node, dict) and node.get("message"))
    for _ in range(off - sum(1 for _, node in branch if node.get("message"))):
        yield LeftOut(BRANCHES)


def _chatgpt_text(message: dict[str, Any]) -> tuple[str, list[str]]:
    """Return a message's text, and for each part of it that is something else, what it is."""
    content = message.get("content")
    if not isinstance(content, dict):
        return "", [UNSAID] if content else []
    kind, code, parts = (content.get(name) for name in ("content_type", "text", "parts"))
    if kind == "code" and isinstance(code, str):
        return f"```\n{code}\n```" if code else "", []
    if kind not in ("text", "multimodal_text") or not isinstance(parts, list):
        return "", [UNSAID]
    texts = [_spoken(part) for part in parts if part is not None]
    return "\n".join(filter(None, texts)), [ATTACHED for found in texts if found is None]


def _spoken(part: Any) -> str | None:
    """Return what a part of a message says, written or by voice; None for anything else."""
    if isinstance(part, dict) and part.get("content_type") == "audio_transcription":
        part = part.get("text")
    return part if isinstance(part, str) else None


def openwebui(chat: dict[str, Any]) -> Iterator[Item | LeftOut]:
    """Read one chat of Open WebUI's export, or what it calls its legacy format: the inner part."""
    inner = mapping(chat.get("chat", chat), "A chat")
    nodes, last = _openwebui_tree(inner)
    told = json.dumps([inner.get("title"), nodes], sort_keys=True).encode()
    name = chat.get("id") or inner.get("id") or hashlib.sha256(told).hexdigest()
    outer = {"title": inner.get("title"), "created_at": inner.get("timestamp")} | chat
    thread = _thread("openwebui", name, outer, "created_at", "updated_at")
    branch = _branch(nodes, last, "parentId")
    said: list[Said] = []
    for key, node in branch:
        content, files = node.get("content"), node.get("files") or []
        attached = len(files) if isinstance(files, list) else 1
        if isinstance(content, list):
            texts = [part.get("text") if isinstance(part, dict) else part for part in content]
            attached += sum(1 for found in texts if not isinstance(found, str))
            content = "\n".join(found for found in texts if isinstance(found, str))
        for _ in range(attached):
            yield LeftOut(ATTACHED)
        role = _speaker(node.get("role"))
        if role is None:
            yield LeftOut(OTHERS)
        elif isinstance(content, str) and content:
            said.append((key, role, content, node.get("timestamp")))
        elif not attached:
            yield LeftOut(WORDLESS)
    pinned, archived = chat.get("pinned") is True, chat.get("archived") is True
    yield from _taken(thread, said, pinned=pinned, archived=archived)
    for _ in range(len(nodes) - len(branch)):
        yield LeftOut(BRANCHES)


def _openwebui_tree(inner: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return a chat's messages and which was shown last; older versions kept a mere list."""
    if "history" in inner or not isinstance(inner.get("messages"), list):
        history = mapping(inner.get("history"), "A chat's history")
        nodes = mapping(history.get("messages"), "A history's messages")
        return nodes, history.get("currentId")
    listed = [mapping(node, "A message") for node in inner["messages"]]
    nodes = {str(place): node | {"parentId": None} for place, node in enumerate(listed)}
    for before, after in pairwise(nodes):
        nodes[after]["parentId"] = before
    return nodes, None


def _speaker(role: Any) -> str | None:
    return role if role in ("user", "assistant") else None


def _thread(program: str, name: Any, row: dict[str, Any], made: str, changed: str) -> Item:
    if not isinstance(name, str) or not name:
        raise RefusedError("A conversation has no id.")
    title = row.get("title")
    title = text(title, "A title").strip()[:255] if isinstance(title, str) else ""
    fields = {
        "title": title or "Untitled",
        "created_at": moment(row.get(made)),
        "updated_at": moment(row.get(changed)),
    }
    return Item("thread", f"{program}:{text(name, 'An id', 200)}", fields)


def _branch(nodes: dict[str, Any], last: Any, parent: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the nodes from the first to `last`."""
    if last is None and nodes:
        above = [node.get(parent) for node in nodes.values() if isinstance(node, dict)]
        parents = {key for key in above if isinstance(key, str)}
        last = next((key for key in reversed(nodes) if key not in parents), None)
        if last is None:
            raise RefusedError("It goes round in a circle.")
    branch: list[tuple[str, dict[str, Any]]] = []
    seen: set[str] = set()
    while last is not None:
        if not isinstance(last, str) or last not in nodes:
            raise RefusedError("A message follows one that is not in the file.")
        if last in seen:
            raise RefusedError("It goes round in a circle.")
        seen.add(last)
        node = mapping(nodes[last], "A message")
        branch.append((text(last, "A message's id"), node))
        last = node.get(parent)
    return branch[::-1]


def _taken(
    thread: Item, said: list[Said], *, pinned: bool = False, archived: bool = False
) -> Iterator[Item | LeftOut]:
    """Yield the thread and what was said, each message later than the one before."""
    if not said:
        yield LeftOut("conversations without a message")
        return
    times = [moment(when) for *_, when in said]
    created = thread.row["created_at"] or next(filter(None, times), timezone.now())
    thread.row["created_at"] = created
    thread.row["updated_at"] = thread.row["updated_at"] or created
    thread.row |= {"pinned_at": created} if pinned else {}
    thread.row |= {"archived_at": created} if archived else {}
    yield thread
    latest = created - TICK
    for (key, role, content, when), told in zip(said, times, strict=True):
        if when is not None and told is None:
            yield LeftOut(TIMELESS)
        latest = max(told or latest, latest + TICK)
        row = {
            "thread": thread.key,
            "role": role,
            "content": text(content, "A message"),
            "created_at": latest,
            "updated_at": latest,
        }
        yield Item("message", f"{thread.key}:{uuid.uuid5(uuid.NAMESPACE_OID, key)}", row)
