"""What comes in, what does not, and that a refused file changes nothing."""

import base64
import copy
import datetime
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.export.archive import export
from chat.export.source import Source
from chat.imports import files, reading
from chat.imports.loading import import_file, preview
from chat.imports.reading import RefusedError
from chat.imports.report import Report
from chat.models import ChatMessage, MessageVersion, Reply
from personas.models import Persona
from tests.factories import make_message, make_persona, make_thread, make_user
from threads.models import Thread
from users.models import User

pytestmark = pytest.mark.django_db

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


def take_in(user: User, data: bytes) -> Report:
    return import_file(user, io.BytesIO(data), len(data))


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
    """Return an archive without what an import changes: ids, the moment, the account."""
    archive = json.loads(data)
    places: dict[str, str] = {}
    for kind in ("personas", "threads", "messages", "versions", "replies"):
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


texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
) | st.sampled_from(
    ["", "🎉👩🏽‍💻", "שלום עולם", "مرحبا", "\ufeff\u2028\x1f", "=1+1", "x" * 1_000_000]
)
moments = st.datetimes(
    datetime.datetime(1990, 1, 1), datetime.datetime(2090, 1, 1), timezones=st.just(datetime.UTC)
)
states = st.fixed_dictionaries(
    {
        "pinned_at": st.none() | moments,
        "archived_at": st.none() | moments,
        "model": st.sampled_from(["", "a-model"]),
        "title_is_automatic": st.booleans(),
    }
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), name=st.sampled_from(["json", "zip"]))
def test_round_trip_is_lossless_and_importing_twice_adds_nothing(data: Any, name: str) -> None:
    User.objects.all().delete()
    alice, bob = quick_user("alice"), quick_user("bob")
    personas = [
        make_persona(
            alice,
            data.draw(texts) or "Twin",
            description=data.draw(texts),
            color=data.draw(st.sampled_from(["#4f46e5", "#000000"])),
            metadata={"a": data.draw(texts)},
        )
        for _ in range(data.draw(st.integers(0, 2)))
    ]
    if personas and data.draw(st.booleans()):
        Persona.objects.filter(pk=personas[-1].pk).update(is_active=True)
    if data.draw(st.booleans()):
        ChatMessage.objects.create(user=alice, role="user", content="for General")
        Thread.objects.filter(user=alice).update(title=data.draw(texts)[:255], **data.draw(states))
    for _ in range(data.draw(st.integers(0, 2))):
        persona = data.draw(st.sampled_from([None, *personas]))
        title = data.draw(texts)[:255]
        facts = data.draw(states)
        thread = make_thread(alice, title, description=data.draw(texts), persona=persona, **facts)
        said = data.draw(
            st.lists(st.tuples(texts, st.sampled_from(["user", "assistant", "twin"])), max_size=4)
        )
        same = thread.created_at
        for content, role in said:
            message = make_message(thread, content, role=role, created_at=same)
            MessageVersion.objects.create(
                message=message, role=role, content=content, written_at=same
            )
            Reply.objects.create(
                thread=thread,
                answer=message,
                voice="twin",
                persona=persona,
                status=data.draw(st.sampled_from(["complete", "stopped", "failed"])),
                model=content[:20],
                prompt_tokens=data.draw(st.none() | st.integers(0, 2**31 - 1)),
            )
    first = exported(alice, name)
    account = zipfile.ZipFile(io.BytesIO(first)).read("account.json") if name == "zip" else first
    take_in(bob, first)
    assert neutral(exported(bob)) == neutral(account)
    before = everything()
    again = take_in(bob, first)
    assert (again.added.total(), everything()) == (0, before)
    assert take_in(alice, first).added.total() == 0
    assert everything() == before
    assert take_in(bob, exported(bob)).added.total() == 0


def test_archive_joins_what_is_there(client: Client) -> None:
    alice, bob = make_user(), make_user("bob")
    make_persona(bob, "His")
    ChatMessage.objects.create(user=bob, role="user", content="his")
    make_persona(alice, "Hers")
    ChatMessage.objects.create(user=alice, role="user", content="hers")
    take_in(bob, exported(alice))
    assert Thread.objects.get(user=bob).message_count == 2
    assert list(Persona.objects.for_user(bob).values_list("name", "is_active")) == [
        ("His", True),
        ("Hers", False),
    ]
    assert ChatMessage.objects.for_user(bob).search("hers").count() == 1


def test_archive_is_read_in_any_order_of_its_keys() -> None:
    alice, bob = make_user(), make_user("bob")
    make_message(make_thread(alice), "hi")
    data = json.dumps(json.loads(exported(alice)), sort_keys=True, indent=1).encode()
    assert take_in(bob, data).added == {"thread": 1, "message": 1}


def test_chatgpt_brings_the_branch_that_was_shown() -> None:
    alice = make_user()
    report = take_in(alice, zipped(conversations__json=as_bytes(CHATGPT), chat__html=b"<html>"))
    assert report.added == {"thread": 1, "message": 2}
    assert report.left_out == {
        "messages of the system or of a tool": 1,
        "images, files and other attachments": 1,
        "messages on branches that were not shown last": 1,
    }
    thread = Thread.objects.get()
    assert (thread.title, thread.created_at.timestamp()) == ("Birds", 1700000000.5)
    messages = thread.messages.order_by("created_at")
    assert list(messages.values_list("role", "content")) == [
        ("user", "What is a heron?"),
        ("assistant", "A bird."),
    ]
    assert take_in(alice, as_bytes(CHATGPT)).added.total() == 0


def test_openwebui_brings_its_chats() -> None:
    alice = make_user()
    assert take_in(alice, as_bytes(OPENWEBUI)).added == {"thread": 1, "message": 2}
    thread = Thread.objects.get()
    assert (thread.title, thread.pinned_at is None) == ("Lakes", False)
    assert list(thread.messages.order_by("created_at").values_list("content", flat=True)) == [
        "Where?",
        "Here.",
    ]


@pytest.mark.parametrize("pack", [as_bytes, lambda card: png(as_bytes(card))])
def test_character_becomes_a_persona(pack: Any) -> None:
    alice = make_user()
    take_in(alice, pack(CARD))
    persona = Persona.objects.get()
    assert (persona.name, persona.description) == ("Ada", "Counts.\n\nPersonality:\nExact.")
    assert persona.metadata == {"greeting": "Good day."}
    assert take_in(alice, pack(CARD)).added.total() == 0


def changed(path: list[Any], value: Any, start: Any) -> bytes:
    """Return `start` as JSON with one place changed."""
    whole = copy.deepcopy(start)
    part = whole
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    return as_bytes(whole)


DEEP = b"[" * 200_000
NODES = [0, "mapping"]
REFUSED = {
    "nothing": b"",
    "no JSON": b"hello",
    "cut": b'[{"mapping": {}',
    "two": b"{}{}",
    "other": b'{"a": 1}',
    "a list of texts": b'["a"]',
    "deep": DEEP,
    "deep below": b'{"format":' + DEEP,
    "old encoding": '[{"title": "é"}]'.encode("latin-1"),
    "UTF-16": "[]".encode("utf-16"),
    "NaN": b'[{"mapping": NaN}]',
    "digits": b'[{"mapping": ' + b"9" * 10_000 + b"}]",
    "cycle": changed([*NODES, "a", "parent"], "d", CHATGPT),
    "lost parent": changed([*NODES, "a", "parent"], "gone", CHATGPT),
    "NUL": changed([*NODES, "a", "message", "content", "parts"], ["\0"], CHATGPT),
    "half a character": changed([0, "title"], "\ud800", CHATGPT),
    "no id": changed([0, "conversation_id"], None, CHATGPT),
    "cycle in Open WebUI": changed(
        [0, "chat", "history", "messages", "1", "parentId"], "2", OPENWEBUI
    ),
    "card without name": changed(["data", "name"], " ", CARD),
    "broken picture": png(as_bytes(CARD), broken=True),
    "picture without card": png(as_bytes(CARD), keyword=b"other"),
    "cut picture": png(as_bytes(CARD))[:60],
    "ZIP of nothing": zipped(a__txt=b"a"),
    "broken ZIP": zipped(conversations__json=as_bytes(CHATGPT) * 50)[:200],
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_broken_and_hostile_files_are_refused_and_change_nothing(
    client: Client, data: bytes
) -> None:
    alice = quick_user("alice")
    before = everything()
    with pytest.raises(RefusedError):
        take_in(alice, data)
    assert everything() == before
    client.force_login(alice)
    page = client.post("/import/upload/", {"file": SimpleUploadedFile("file", data)})
    assert page.status_code == 422
    assert "errorlist" in page.content.decode()


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["version"], 2, "version 2"),
        (["format"], "other", "not a Twinthread export"),
        (["messages", 0, "content"], "a\0b", "NUL"),
        (["messages", 0, "role"], "king", "role of message 1"),
        (["messages", 0, "thread"], "0" * 32, "not in the file"),
        (["messages", 0, "created_at"], "2025-01-01", "no time zone"),
        (["messages", 0, "id"], "1", "not an id"),
        (["messages", 0], {"id": "0" * 32}, "Message 1 has no"),
        (["threads", 0, "title"], "x" * 256, "longer than 255"),
        (["threads", 0, "persona"], "0" * 32, "not in the file"),
        (["personas", 0, "color"], "red", "not a colour"),
        (["personas", 0, "metadata"], {"a": ["\0"]}, "NUL"),
        (["personas", 0, "is_active"], 1, "neither true nor false"),
        (["messages"], {}, "stands where"),
        (["replies"], None, "stands where"),
    ],
)
def test_archive_with_a_wrong_row_is_refused_whole(path: Any, value: Any, reason: str) -> None:
    alice, bob = make_user(), make_user("bob")
    make_message(make_thread(alice, persona=make_persona(alice)))
    data = changed(path, value, json.loads(exported(alice)))
    before = everything()
    with pytest.raises(RefusedError, match=reason):
        take_in(bob, data)
    assert everything() == before


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = make_user()
    with pytest.raises(RefusedError, match="larger than 1,000 MB"):
        files.read(io.BytesIO(b"[]"), 2_000_000_000)
    monkeypatch.setattr(files, "HARMLESS", 1_000_000)
    with pytest.raises(RefusedError, match="unpacks to far more"):
        take_in(alice, zipped(conversations__json=b"[" + b" " * 3_000_000 + b"]"))
    monkeypatch.setattr(reading, "LARGEST_VALUE", 500_000)
    with pytest.raises(RefusedError, match="One thing in the file"):
        take_in(alice, b'["' + b"x" * 5_000_000 + b'"]')


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_nothing_that_can_be_uploaded_is_an_error_or_comes_in_by_half(
    client: Client, data: Any
) -> None:
    User.objects.all().delete()
    alice = quick_user("alice")
    thread = make_thread(alice, persona=make_persona(alice, metadata={"a": ["b", 1]}))
    message = make_message(thread)
    now = message.created_at
    MessageVersion.objects.create(message=message, role="user", content="was", written_at=now)
    Reply.objects.create(thread=thread, question=message, voice="twin", status="failed")
    bob = quick_user("bob")
    starts = [exported(alice), as_bytes(CHATGPT), as_bytes(OPENWEBUI), as_bytes(CARD)]
    starts += [png(as_bytes(CARD)), zipped(conversations__json=as_bytes(CHATGPT))]
    raw = bytearray(data.draw(st.sampled_from(starts)))
    if raw[:1] in b"[{" and data.draw(st.booleans()):
        raw = bytearray(as_bytes(mangled(data, json.loads(bytes(raw)))))
    for _ in range(data.draw(st.integers(0, 3))):
        if not raw:
            break
        place = data.draw(st.integers(0, 10_000)) % len(raw)
        if data.draw(st.booleans()):
            raw[place] = data.draw(st.integers(0, 255))
        else:
            del raw[place : place + data.draw(st.integers(1, 40))]
    before = everything()
    expected: Report | str
    told: Report | str
    try:
        expected = preview(bob, io.BytesIO(raw), len(raw))
    except RefusedError as refusal:
        expected = str(refusal)
    assert everything() == before
    try:
        told = take_in(bob, bytes(raw))
    except RefusedError as refusal:
        told = str(refusal)
        assert everything() == before
    assert told == expected
    client.force_login(bob)
    pages = [thread.get_absolute_url() for thread in Thread.objects.filter(user=bob)[:1]]
    for page in ("/search/?q=a", "/threads/", "/personas/", *pages):
        assert client.get(page).status_code == 200
    json.loads(exported(bob))


ODD_KEYS = ["", "\0", "\ud800", "a", "id", "é" * 300, "mapping", "chat", "messages", "history"]


def mangled(data: Any, value: Any) -> Any:
    """Return `value` with one thing somewhere in it replaced."""
    if isinstance(value, dict | list) and value and data.draw(st.integers(0, 5)):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = data.draw(st.sampled_from(list(keys)))
        value[key] = mangled(data, value[key])
        if isinstance(value, dict) and not data.draw(st.integers(0, 5)):
            value[data.draw(st.sampled_from(ODD_KEYS))] = value.pop(key)
        elif isinstance(value, list) and not data.draw(st.integers(0, 5)):
            value.append(copy.deepcopy(value[key]))
        return value
    odd: list[Any] = [
        None,
        True,
        -1,
        0,
        1.5,
        1e300,
        10**30,
        float("inf"),
        253402300799.9,
        "9999-12-31T23:59:59-23:00",
        "0001-01-01T00:00:00+23:00",
        "1e400",
        "",
        "\ud800",
        "\0",
        [],
        {},
        [[]],
        {"a": 1},
        "a",
        "d",
    ]
    return data.draw(st.sampled_from(odd))


def test_page_shows_what_is_in_a_file_and_imports_it_on_consent(client: Client) -> None:
    alice, bob = make_user(), make_user("bob")
    client.force_login(alice)
    assert "ChatGPT" in client.get("/import/").content.decode()
    upload = {"file": SimpleUploadedFile("conversations.json", as_bytes(CHATGPT))}
    shown = client.post("/import/upload/", upload)
    assert shown.context["report"].added == {"thread": 1, "message": 2}
    assert everything() == [0, 0, 0]
    token = shown.context["token"]
    client.force_login(bob)
    assert client.post("/import/confirm/", {"token": token}).status_code == 422
    client.force_login(alice)
    assert client.post("/import/confirm/", {"token": token + "x"}).status_code == 422
    done = client.post("/import/confirm/", {"token": token})
    assert "branches that were not shown last" in done.content.decode()
    assert everything() == [0, 1, 2]
    assert client.post("/import/confirm/", {"token": token}).status_code == 422
    upload = {"file": SimpleUploadedFile("conversations.json", as_bytes(CHATGPT))}
    assert "nothing new" in client.post("/import/upload/", upload).content.decode()


def test_command_imports_and_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_user()
    path = tmp_path / "conversations.json"
    path.write_bytes(as_bytes(CHATGPT))
    call_command("importdata", "alice@example.com", path, preview=True)
    assert everything() == [0, 0, 0]
    call_command("importdata", "alice@example.com", path)
    assert "Messages: 2 added, 0 there already." in capsys.readouterr().out
    path.write_bytes(b"hello")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("importdata", "alice@example.com", path)
    with pytest.raises(CommandError, match="Nobody here"):
        call_command("importdata", "carol@example.com", path)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("importdata", "alice@example.com", tmp_path / "none")
