"""What comes in from each kind of file, and what is said of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from chat.models import ChatMessage
from personas.models import Persona
from tests.chat.imports.files import (
    CARD,
    CHATGPT,
    OPENWEBUI,
    as_bytes,
    everything,
    exported,
    import_bytes,
    png,
    zipped,
)
from tests.factories import make_message, make_persona, make_thread, make_user
from threads.models import Thread

pytestmark = [pytest.mark.django_db, pytest.mark.engines("sqlite", "postgresql")]


def test_archive_joins_what_is_there(client: Client) -> None:
    alice, bob = make_user(), make_user("bob")
    make_persona(bob, "His")
    ChatMessage.objects.create(user=bob, role="user", content="his")
    make_persona(alice, "Hers")
    ChatMessage.objects.create(user=alice, role="user", content="hers")
    import_bytes(bob, exported(alice))
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
    assert import_bytes(bob, data).added == {"thread": 1, "message": 1}


def test_chatgpt_brings_the_branch_that_was_shown() -> None:
    alice = make_user()
    report = import_bytes(
        alice, zipped(conversations__json=as_bytes(CHATGPT), chat__html=b"<html>")
    )
    assert report.added == {"thread": 1, "message": 2}
    assert report.skipped == {
        "thoughts, tool calls and other messages that are not part of the conversation": 1,
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
    assert import_bytes(alice, as_bytes(CHATGPT)).added.total() == 0


def test_openwebui_brings_its_chats() -> None:
    alice = make_user()
    assert import_bytes(alice, as_bytes(OPENWEBUI)).added == {"thread": 1, "message": 2}
    thread = Thread.objects.get()
    assert (thread.title, thread.pinned_at is None) == ("Lakes", False)
    assert list(thread.messages.order_by("created_at").values_list("content", flat=True)) == [
        "Where?",
        "Here.",
    ]


@pytest.mark.parametrize("pack", [as_bytes, lambda card: png(as_bytes(card))])
def test_character_becomes_a_persona(pack: Any) -> None:
    alice = make_user()
    import_bytes(alice, pack(CARD))
    persona = Persona.objects.get()
    assert (persona.name, persona.description) == ("Ada", "Counts.\n\nPersonality:\nExact.")
    assert persona.metadata == {"greeting": "Good day."}
    assert import_bytes(alice, pack(CARD)).added.total() == 0


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
    assert "Messages: 2 added, 0 known." in capsys.readouterr().out
    path.write_bytes(b"hello")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("importdata", "alice@example.com", path)
    with pytest.raises(CommandError, match="No user has"):
        call_command("importdata", "carol@example.com", path)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("importdata", "alice@example.com", tmp_path / "none")
