"""Files to import: what other programs export, and ways to make them."""

import base64
import copy
import io
import json
import struct
import zipfile
import zlib
from typing import Any

from chat.exports.archive import export
from chat.exports.source import Source
from chat.imports.files import read
from chat.imports.loading import import_items, preview
from chat.imports.report import Report
from chat.models import ChatMessage
from personas.models import Persona
from threads.models import Thread
from users.models import User

CHATGPT: list[dict[str, Any]] = [
    {
        "title": "Birds",
        "create_time": 1700000000.5,
        "update_time": 1700000100.0,
        "conversation_id": "c-1",
        "current_node": "d",
        "mapping": {
            "root": {"message": None, "parent": None, "children": ["s"]},
            "s": {
                "parent": "root",
                "message": {
                    "author": {"role": "system"},
                    "content": {"content_type": "text", "parts": ["be kind"]},
                },
            },
            "a": {
                "parent": "s",
                "message": {
                    "author": {"role": "user"},
                    "create_time": 1700000001.0,
                    "content": {"content_type": "text", "parts": ["What is a heron?"]},
                },
            },
            "b": {
                "parent": "a",
                "message": {
                    "author": {"role": "assistant"},
                    "content": {"content_type": "text", "parts": ["An old answer"]},
                },
            },
            "d": {
                "parent": "a",
                "message": {
                    "author": {"role": "assistant"},
                    "create_time": None,
                    "content": {
                        "content_type": "multimodal_text",
                        "parts": ["A bird.", {"asset_pointer": "x"}],
                    },
                },
            },
        },
    }
]
OPENWEBUI = [
    {
        "id": "w-1",
        "title": "Lakes",
        "created_at": 1700000000,
        "updated_at": 1700000009,
        "pinned": True,
        "chat": {
            "title": "Lakes",
            "history": {
                "currentId": "2",
                "messages": {
                    "1": {"id": "1", "parentId": None, "role": "user", "content": "Where?"},
                    "2": {"id": "2", "parentId": "1", "role": "assistant", "content": "Here."},
                },
            },
        },
    }
]
CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Ada",
        "description": "Counts.",
        "personality": "Exact.",
        "first_mes": "Good day.",
    },
}


def quick_user(name: str) -> User:
    """Return a user without a password, whose hashing takes its time."""
    return User.objects.create_user(f"{name}@example.com", name=name)


def import_bytes(user: User, data: bytes) -> Report:
    return import_items(user, read(io.BytesIO(data), len(data)))


def preview_bytes(user: User, data: bytes) -> Report:
    return preview(user, read(io.BytesIO(data), len(data)))


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def png(card: bytes, *, broken: bool = False, keyword: bytes = b"chara") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data) ^ (1 if broken else 0)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    carried = chunk(b"tEXt", keyword + b"\0" + base64.b64encode(card))
    return b"\x89PNG\r\n\x1a\n" + head + carried + chunk(b"IEND", b"")


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


def exported(user: User, name: str = "json") -> bytes:
    return b"".join(export(Source(user), name))


def neutral(data: bytes) -> Any:
    """Return an archive without what an import changes: ids, the time, the account."""
    archive = json.loads(data)
    places: dict[str, str] = {}
    for kind in ("personas", "samples", "threads", "messages", "versions", "replies"):
        for place, row in enumerate(archive[kind]):
            places[row["id"]] = f"{kind} {place}"

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(part) for key, part in value.items()}
        if isinstance(value, list):
            return [walk(part) for part in value]
        return places.get(value, value) if isinstance(value, str) else value

    return walk({k: v for k, v in archive.items() if k not in {"exported_at", "account"}})


def everything() -> list[int]:
    return [Persona.objects.count(), Thread.objects.count(), ChatMessage.objects.count()]


def changed(path: list[Any], value: Any, start: Any) -> bytes:
    """Return `start` as JSON with one place changed."""
    whole = copy.deepcopy(start)
    part = whole
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    return as_bytes(whole)
