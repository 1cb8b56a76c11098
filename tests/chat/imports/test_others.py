"""What other programs write comes in whole, and the report names what stays behind."""

import base64
import struct
import zlib
from typing import Any

import pytest

from chat.imports.reading import RefusedError
from chat.models import ChatMessage
from personas.models import Persona
from tests.chat.imports.files import CARD, as_bytes, import_bytes, png, quick_user, zipped
from threads.models import Thread

pytestmark = pytest.mark.django_db


def talk(nodes: dict[str, Any], **fields: Any) -> bytes:
    """Return a ChatGPT export of one conversation."""
    whole = {"title": "Talk", "create_time": 1700000000, "conversation_id": "c"}
    return as_bytes([whole | {"current_node": None, "mapping": nodes} | fields])


def node(content: Any, *, parent: Any = None, role: Any = "user", **fields: Any) -> dict[str, Any]:
    """Return a message of ChatGPT's tree."""
    if isinstance(content, str):
        content = {"content_type": "text", "parts": [content]}
    return {"parent": parent, "message": {"author": {"role": role}, "content": content} | fields}


def contents() -> list[str]:
    return list(ChatMessage.objects.order_by("created_at").values_list("content", flat=True))


def test_chatgpt_brings_what_was_spoken_and_counts_the_rest() -> None:
    spoken = {
        "content_type": "multimodal_text",
        "parts": [
            {"content_type": "audio_transcription", "text": "Hi there"},
            {"content_type": "audio_asset_pointer"},
        ],
    }
    nodes = {
        "a": node(spoken),
        "b": node({"content_type": "thoughts", "thoughts": []}, parent="a", role="assistant"),
        "c": node("Hello", parent="b", role="assistant"),
    }
    report = import_bytes(quick_user("alice"), talk(nodes, is_archived=True))
    assert contents() == ["Hi there", "Hello"]
    assert report.skipped == {
        "images, files and other attachments": 1,
        "thoughts, tool calls and other messages that are not part of the conversation": 1,
    }
    assert Thread.objects.get().archived_at is not None


@pytest.mark.parametrize(
    "when",
    [
        1700000000,
        1700000000.0,
        1700000000_000,
        1700000000_000_000_000,
        "1700000000",
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20",
        "2023-11-15T00:13:20+02:00",
    ],
)
def test_times_are_read_in_every_usual_form(when: Any) -> None:
    import_bytes(quick_user("alice"), talk({"a": node("x", create_time=when)}, create_time=when))
    assert Thread.objects.get().created_at.timestamp() == 1700000000
    assert ChatMessage.objects.get().created_at.timestamp() == 1700000000


@pytest.mark.parametrize("when", [-5, "soon", 1e25, 1e300, True, [], {}])
def test_times_that_cannot_be_read_are_counted(when: Any) -> None:
    nodes = {"a": node("x", create_time=when), "b": node("y", parent="a", create_time=1700000009)}
    report = import_bytes(quick_user("alice"), talk(nodes, create_time=when))
    first, second = ChatMessage.objects.order_by("created_at")
    assert first.created_at < second.created_at
    assert report.skipped == {"timestamps that could not be read": 1}


def test_time_of_a_conversation_without_one_is_that_of_its_first_message() -> None:
    import_bytes(quick_user("alice"), talk({"a": node("x", create_time=5)}, create_time=None))
    assert Thread.objects.get().created_at.timestamp() == 5


ODD = {
    "role": {"a": node("x", role=["user"])},
    "kind": {"a": node({"content_type": ["text"], "parts": ["x"]})},
    "parts": {"a": node({"content_type": "text", "parts": {"x": 1}})},
    "parent": {"a": node("x", parent=["b"]), "b": node("y")},
    "author": {"a": {"parent": None, "message": {"author": "user"}}},
    "node": {"a": None},
    "content": {"a": node(["x"])},
}


@pytest.mark.parametrize("nodes", ODD.values(), ids=ODD)
def test_odd_values_are_skipped_or_named_with_their_conversation(nodes: Any) -> None:
    alice = quick_user("alice")
    try:
        report = import_bytes(alice, talk(nodes))
    except RefusedError as refusal:
        assert str(refusal).startswith("Conversation 1, “Talk”: ")  # noqa: PT017 - or not raised
    else:
        assert report.added.total() + report.skipped.total() > 0
    assert contents() in ([], ["y"])


MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "content": "Where?", "timestamp": 1700000000},
    {"role": "assistant", "content": [{"type": "text", "text": "Here."}, {"type": "image_url"}]},
    {"role": ["user"], "content": "odd", "files": 5},
]
TREE = {
    str(place): row | {"parentId": str(place - 1) if place else None}
    for place, row in enumerate(MESSAGES)
}
OPENWEBUI = {
    "a list of messages": [{"id": "w", "chat": {"title": "Lakes", "messages": MESSAGES}}],
    "a chat by itself": {"id": "w", "chat": {"title": "Lakes", "history": {"messages": TREE}}},
    "the inner part": [{"title": "Lakes", "models": ["m"], "history": {"messages": TREE}}],
    "the inner part, a list": {"title": "Lakes", "messages": MESSAGES},
}


@pytest.mark.parametrize("chats", OPENWEBUI.values(), ids=OPENWEBUI)
def test_openwebui_of_every_age_is_read(chats: Any) -> None:
    alice = quick_user("alice")
    report = import_bytes(alice, as_bytes(chats))
    assert (Thread.objects.get().title, contents()) == ("Lakes", ["Where?", "Here."])
    assert report.skipped == {
        "images, files and other attachments": 2,
        "thoughts, tool calls and other messages that are not part of the conversation": 1,
    }
    assert import_bytes(alice, as_bytes(chats)).added.total() == 0


def chunked(kind: bytes, keyword: bytes, card: bytes, *, packed: bool = False) -> bytes:
    """Return a picture that carries a card in a chunk of this kind."""
    value = base64.b64encode(card)
    if packed:
        value = zlib.compress(value)
    between = {b"tEXt": b"\0", b"zTXt": b"\0\0", b"iTXt": b"\0%c\0en\0wort\0" % packed}[kind]
    data = keyword + between + value
    check = struct.pack(">I", zlib.crc32(kind + data))
    whole = png(b"{}", keyword=b"other")
    return whole[:-12] + struct.pack(">I", len(data)) + kind + data + check + whole[-12:]


@pytest.mark.parametrize(
    ("kind", "keyword", "packed"),
    [
        (b"tEXt", b"chara", False),
        (b"tEXt", b"ccv3", False),
        (b"zTXt", b"chara", True),
        (b"iTXt", b"Chara", False),
        (b"iTXt", b"ccv3", True),
    ],
)
def test_picture_carries_its_character_in_any_text_chunk(
    kind: bytes, keyword: bytes, packed: bool
) -> None:
    alice = quick_user("alice")
    report = import_bytes(alice, chunked(kind, keyword, as_bytes(CARD), packed=packed))
    assert Persona.objects.get().name == "Ada"
    assert report.skipped == {"pictures of characters": 1}


@pytest.mark.parametrize("spec", ["chara_card_v3", "chara_card_v2", None])
def test_characters_of_every_version_say_what_stays_behind(spec: str | None) -> None:
    data = {
        "name": "Ada",
        "description": "{{char}} counts. <BOT> is exact.",
        "first_mes": "I am {{Char}}.",
        "post_history_instructions": "Be brief.",
        "alternate_greetings": ["Hi"],
        "character_book": {"entries": []},
    }
    report = import_bytes(
        quick_user("alice"), as_bytes({"spec": spec, "data": data} if spec else data)
    )
    persona = Persona.objects.get()
    assert persona.description == "Ada counts. Ada is exact.\n\nInstructions:\nBe brief."
    assert persona.metadata == {"greeting": "I am Ada."}
    assert report.skipped == {
        "other greetings of a character": 1,
        "lore books of a character": 1,
    }


def test_characters_packed_on_a_mac_come_in() -> None:
    members = {"cards/ada__json": as_bytes(CARD), "__MACOSX/cards/._ada__json": b"\0\5\26\7"}
    assert import_bytes(quick_user("alice"), zipped(**members)).added == {"persona": 1}


def test_character_with_an_endless_name_is_refused() -> None:
    with pytest.raises(RefusedError, match="name is longer than 255"):
        import_bytes(
            quick_user("alice"), as_bytes({"spec": "chara_card_v2", "data": {"name": "A" * 256}})
        )
