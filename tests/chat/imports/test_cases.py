"""Odd exports of other programs, each with its right outcome."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chat.imports.reading import RefusedError
from chat.models import ChatMessage
from personas.models import Persona
from tests.chat.imports.files import as_bytes, everything, import_bytes, quick_user, zipped
from threads.models import Thread

pytestmark = pytest.mark.django_db
CASES = Path(__file__).parent.parent / "cases"
MISSING = "Its beginning is missing; it is imported from the first message that is there."
UNREADABLE = "A message could not be read."


def case(name: str) -> bytes:
    return next(CASES.glob(f"{name}.*")).read_bytes()


def threads() -> dict[str, list[str]]:
    """Return the texts of each thread by title."""
    found: dict[str, list[str]] = {}
    for thread in Thread.objects.order_by("created_at", "id"):
        texts = thread.messages.order_by("created_at", "id").values_list("content", flat=True)
        found.setdefault(thread.title, []).extend(texts)
    return found


CHAT_1 = {"Chat 1": ["hi 1", "hello 1"]}
CHAT_2 = {"Chat 2": ["hi 2", "hello 2"]}
GOOD = {"Good": ["hi", "hello"]}
RICE = {"Recipe": ["how to cook rice", "Boil it."]}
EXPECTED: dict[str, tuple[dict[str, list[str]], list[str]]] = {
    "A-7": (CHAT_2 | CHAT_1 | {"Orphaned": ["q", "a"]}, [f"“Orphaned”: {MISSING}"]),
    "A-8": (CHAT_1 | {"Loop": ["q", "a"]}, [f"“Loop”: {MISSING}"]),
    "A-17": (CHAT_1, ["Conversation 2, “Nullmap”: Its mapping is not an object."]),
    "A-92": (CHAT_1, ["Conversation 1: It is not an object."]),
    "A-22": (GOOD | {"Deleted tail": ["hi", "hello"]}, []),
    "A-23": (GOOD | {"Orphan": ["hi", "hello"]}, []),
    "A-24": ({"Detached": ["q1", "a1", "q2", "a2"]}, []),
    "A-26": ({"Output": ["2+2?", "It is 4."]}, []),
    "A-32": (RICE, []),
    "A-33": ({"Recipe": ["how", "Boil it."]}, []),
    "A-110": ({"Good": ["hi"]}, ["Conversation 2, “B”: The chat is not an object."]),
    "A-111": ({"Good": ["hi"]}, ["Conversation 2, “B”: It has no messages."]),
    "A-112": ({"Good": ["hi"]}, ["Conversation 2, “B”: It has no messages."]),
    "A-113": ({"Good": ["hi"]}, ["Conversation 2, “B”: It has no messages."]),
    "A-114": ({"Good": ["hi"]}, [f"“B”: {UNREADABLE}"]),
    "A-120": (
        {"Chat 2": ["hi 2", "hello 2"], "Chat 1": ["hello 1"]},
        [f"“Chat 1”: {MISSING}"],
    ),
    "A-122": (
        {"Chat 2": ["hi 2", "hello 2"], "Chat 1": ["hi 1"]},
        [f"“Chat 1”: {UNREADABLE}"],
    ),
    "A-39": ({"Chat with Bo": ["hi", "hello"]}, []),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_whole_conversations_come_in_and_the_others_are_named(name: str) -> None:
    alice = quick_user("alice")
    texts, problems = EXPECTED[name]
    report = import_bytes(alice, case(name))
    assert (threads(), report.problems) == (texts, problems)
    assert import_bytes(alice, case(name)).added.total() == 0


@pytest.mark.parametrize(("name", "text"), [("A-11", "pasted�binary"), ("A-12", "hello 5")])
def test_characters_that_cannot_be_stored_are_replaced_and_counted(name: str, text: str) -> None:
    report = import_bytes(quick_user("alice"), case(name))
    assert ChatMessage.objects.filter(content=text).count() == 1
    assert report.skipped == {
        "texts in which a character that cannot be stored was replaced by �": 1
    }
    assert (
        not Thread.objects.filter(
            title__contains="\ud83c".encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
        .filter(title="Party")
        .exists()
    )
    if name == "A-12":
        assert Thread.objects.filter(title="Party �").count() == 1


def test_messenger_chats_are_named() -> None:
    with pytest.raises(RefusedError, match=r"WhatsApp.*sample texts of a persona"):
        import_bytes(quick_user("alice"), case("A-40"))


def test_macros_of_a_card_are_replaced() -> None:
    import_bytes(quick_user("alice"), case("A-50"))
    persona = Persona.objects.get()
    assert persona.name == "Mira"
    assert persona.description == (
        "Mira likes tea with the user. 🍵 Zoë\n\nPersonality:\ncalm\n\n"
        "Examples:\n---\nthe user: hi\nMira: ho"
    )
    assert persona.metadata == {"greeting": "Hi the user, I am Mira"}


@pytest.mark.parametrize("name", ["A-51", "A-52", "A-62"])
def test_newer_card_in_a_picture_wins_and_a_broken_one_hides_nothing(name: str) -> None:
    import_bytes(quick_user("alice"), case(name))
    assert Persona.objects.get().name == "Mira V3"


def test_foreign_file_in_a_zip_is_named() -> None:
    report = import_bytes(quick_user("alice"), case("A-80"))
    assert Persona.objects.get().name == "Mira"
    assert [problem.partition(":")[0] for problem in report.problems] == ["settings.json"]


def test_branches_of_one_conversation_are_kept_apart() -> None:
    alice = quick_user("alice")
    import_bytes(alice, case("A-101a"))
    before = everything()
    report = import_bytes(alice, case("A-101b"))
    branches = [
        list(thread.messages.order_by("created_at").values_list("content", flat=True))
        for thread in Thread.objects.order_by("pk")
    ]
    assert sorted(branches) == [["q1", "a1", "q2", "a2"], ["q1", "a1", "q2", "a2 regenerated"]]
    assert report.added == {"thread": 1, "message": 4}
    for name in ("A-101a", "A-101b", "A-100a"):
        assert import_bytes(alice, case(name)).added.total() == 0
    assert everything() == [before[0], before[1] + 1, before[2] + 4]


def test_conversation_that_went_on_goes_on_in_its_thread() -> None:
    alice = quick_user("alice")
    longer = json.loads(case("A-100a"))
    node = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["q3"]}}
    longer[0]["mapping"]["q3"] = {"parent": "a2", "message": node}
    longer[0]["current_node"] = "q3"
    import_bytes(alice, case("A-100a"))
    assert +import_bytes(alice, as_bytes(longer)).added == {"message": 1}
    assert threads() == {"Trip plan": ["q1", "a1", "q2", "a2", "q3"]}


def test_file_is_refused_only_if_nothing_in_it_can_be_used() -> None:
    alice = quick_user("alice")
    with pytest.raises(RefusedError, match="Conversation 1: It is not an object"):
        import_bytes(alice, b"[null, 5]")
    assert (
        import_bytes(alice, case("A-92").rstrip()[:-1] + b",{]").problems[-1].startswith("The rest")
    )
    assert threads() == CHAT_1


def chatgpt(**message: Any) -> bytes:
    answer = {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["x"]}}
    nodes = {
        "a": {"parent": None, "message": answer | {"author": {"role": "user"}}},
        "b": {"parent": "a", "message": answer | message},
    }
    return as_bytes([{"conversation_id": "c", "title": "T", "mapping": nodes}])


@pytest.mark.parametrize(
    "message",
    [
        {"recipient": "web.run"},
        {"recipient": "bio"},
        {"recipient": "dalle.text2im"},
        {"recipient": "python"},
        {"channel": "commentary"},
        {"channel": "analysis"},
        {"author": {"role": "tool", "name": "web"}},
        {"author": {"role": "system"}},
        {"metadata": {"is_visually_hidden_from_conversation": True}},
        {"content": {"content_type": "thoughts", "thoughts": []}},
        {"content": {"content_type": "user_editable_context"}},
    ],
)
def test_what_nobody_said_to_anybody_is_not_imported(message: dict[str, Any]) -> None:
    report = import_bytes(quick_user("alice"), chatgpt(**message))
    assert threads() == {"T": ["x"]}
    assert report.skipped.total() == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A bird.\ue200cite\ue202turn0search1\ue202turn0search2\ue201 Yes.", "A bird. Yes."),
        ("A bird【12†source】.", "A bird."),
        ("【注】A bird.", "【注】A bird."),
    ],
)
def test_citation_marks_are_removed(text: str, expected: str) -> None:
    content = {"content_type": "text", "parts": [text]}
    import_bytes(quick_user("alice"), chatgpt(content=content))
    assert threads() == {"T": ["x", expected]}


CLAUDE = [
    {
        "uuid": "c1",
        "name": "Birds",
        "created_at": "2024-05-01T10:00:00.000000Z",
        "updated_at": "2024-05-01T10:01:00.000000Z",
        "chat_messages": [
            {
                "uuid": "m1",
                "text": "What is a heron?",
                "sender": "human",
                "created_at": "2024-05-01T10:00:00Z",
                "attachments": [{"file_name": "a.txt"}],
                "files": [],
            },
            {
                "uuid": "m2",
                "text": "",
                "content": [
                    {"type": "thinking", "thinking": "Hm"},
                    {"type": "text", "text": "A bird."},
                ],
                "sender": "assistant",
                "created_at": "2024-05-01T10:00:09Z",
            },
        ],
    }
]
DEEPSEEK = [
    {
        "id": "d1",
        "title": "Birds",
        "inserted_at": "2025-01-28T14:00:00.000000+08:00",
        "updated_at": "2025-01-28T14:01:00.000000+08:00",
        "mapping": {
            "root": {"id": "root", "parent": None, "children": ["1"], "message": None},
            "1": {
                "parent": "root",
                "message": {
                    "files": [],
                    "inserted_at": "2025-01-28T14:00:01+08:00",
                    "fragments": [{"type": "REQUEST", "content": "What is a heron?"}],
                },
            },
            "2": {
                "parent": "1",
                "message": {
                    "inserted_at": "2025-01-28T14:00:05+08:00",
                    "fragments": [
                        {"type": "THINK", "content": "Hm"},
                        {"type": "RESPONSE", "content": "A bird."},
                    ],
                },
            },
        },
    }
]
GROK = {
    "conversations": [
        {
            "conversation": {"id": "g1", "title": "Birds", "create_time": "2025-02-01T10:00:00Z"},
            "responses": [
                {
                    "response": {
                        "_id": "r1",
                        "message": "What is a heron?",
                        "sender": "human",
                        "create_time": {"$date": {"$numberLong": "1738404000000"}},
                    }
                },
                {
                    "response": {
                        "_id": "r2",
                        "message": "A bird.",
                        "sender": "ASSISTANT",
                        "create_time": {"$date": {"$numberLong": "1738404009000"}},
                        "parent_response_id": "r1",
                    }
                },
            ],
        }
    ],
    "projects": [],
    "tasks": [],
}
GEMINI = [
    {
        "header": "Gemini Apps",
        "title": "Prompted What is a heron?",
        "time": "2024-05-01T10:00:00.000Z",
        "products": ["Gemini Apps"],
        "safeHtmlItem": [{"html": "<p>A bird.</p>"}],
    },
    {"header": "Gemini Apps", "title": "Used Gemini", "time": "bad", "products": []},
]
BIRDS = ["What is a heron?", "A bird."]


@pytest.mark.parametrize(
    ("data", "title"),
    [(CLAUDE, "Birds"), (DEEPSEEK, "Birds"), (GROK, "Birds"), (GEMINI, "Gemini, 2024-05-01")],
    ids=["Claude", "DeepSeek", "Grok", "Gemini"],
)
def test_formats_of_other_programs_are_read(data: Any, title: str) -> None:
    alice = quick_user("alice")
    report = import_bytes(alice, as_bytes(data))
    assert (threads(), report.problems) == ({title: BIRDS}, [])
    assert [message.role for message in ChatMessage.objects.order_by("created_at")] == [
        "user",
        "assistant",
    ]
    assert import_bytes(alice, as_bytes(data)).added.total() == 0


def test_grok_is_read_with_its_keys_in_another_order() -> None:
    import_bytes(quick_user("alice"), as_bytes({"other": [], **GROK}))
    assert threads() == {"Birds": BIRDS}


def test_claude_brings_the_branch_that_was_shown() -> None:
    chat = json.loads(json.dumps(CLAUDE[0]))
    none = "00000000-0000-4000-8000-000000000000"
    chat["chat_messages"][0]["parent_message_uuid"] = none
    chat["chat_messages"][1]["parent_message_uuid"] = "m1"
    again = chat["chat_messages"][1] | {"uuid": "m3", "created_at": "2024-05-01T10:00:30Z"}
    again["content"] = [{"type": "text", "text": "A wader."}]
    chat["chat_messages"].append(again)
    import_bytes(quick_user("alice"), as_bytes([chat]))
    assert threads() == {"Birds": ["What is a heron?", "A wader."]}


def test_charx_is_read() -> None:
    card = {"spec": "chara_card_v3", "data": {"name": "Ada", "description": "Counts."}}
    data = zipped(card__json=as_bytes(card), assets__png=b"picture")
    import_bytes(quick_user("alice"), data)
    assert Persona.objects.get().name == "Ada"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<!doctype html><title>Chats</title>", "web page"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00", "Unpack it"),
        (b"12/01/24, 10:15 - Ann: hi\n", "WhatsApp"),
        (as_bytes({"name": "B", "type": "personal_chat", "id": 1, "messages": []}), "Telegram"),
        (as_bytes({"entries": {"0": {"key": ["a"]}}}), "lore book"),
        (as_bytes({"theme": "dark"}), "none of the formats"),
    ],
)
def test_known_formats_that_cannot_be_read_are_named(data: bytes, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        import_bytes(quick_user("alice"), data)


@pytest.mark.parametrize("padding", ["", "=", "==", "\n"])
def test_card_in_a_picture_needs_no_padding(padding: str) -> None:
    import base64

    from chat.imports.characters import _decoded

    value = base64.b64encode(b'{"name": "A"}').rstrip(b"=") + padding.encode()
    assert _decoded(value) == {"name": "A"}


def test_every_case_has_a_test() -> None:
    text = Path(__file__).read_text()
    names = {path.stem for path in CASES.glob("A-*")}
    assert sorted(name for name in names if f'"{name}"' not in text) == []


def test_zip_names_each_file_that_cannot_be_read() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("conversations-1.json", case("A-92"))
        archive.writestr("conversations-2.json", b"[")
    report = import_bytes(quick_user("alice"), buffer.getvalue())
    assert threads() == CHAT_1
    assert [problem.partition(":")[0] for problem in report.problems] == [
        "Conversation 1",
        "conversations-2.json",
    ]
