"""How an export is sent and written: in little memory, whole or not at all."""

import io
import json
import os
import resource
import sys
import threading
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from chat.exports import views
from chat.exports.archive import FORMATS, export
from chat.exports.source import Source
from chat.models import ChatMessage
from personas.models import Persona
from tests.chat.imports.files import import_bytes, quick_user
from tests.factories import make_message, make_persona, make_thread
from threads.models import Thread
from users.models import User

pytestmark = pytest.mark.django_db


def fill(thread: Thread, count: int, length: int) -> None:
    """Write messages that hardly pack."""
    ChatMessage.objects.bulk_create(
        ChatMessage(
            user=thread.user, thread=thread, role="user", content=os.urandom(length // 2).hex()
        )
        for _ in range(count)
    )


def test_messages_of_megabytes_are_never_in_memory_together() -> None:
    alice = quick_user("alice")
    thread = make_thread(alice)
    for _ in range(4):
        fill(thread, 10, 1_000_000)
    for name in FORMATS:
        tracemalloc.start()
        try:
            size = sum(len(chunk) for chunk in export(Source(alice), name))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert (name, size > 30_000_000) == (name, True)
        assert (name, peak < 25_000_000) == (name, True)


def test_what_is_small_tells_its_size_and_what_is_large_is_streamed(client: Client) -> None:
    alice = quick_user("alice")
    thread = make_thread(alice)
    make_message(thread, "small")
    client.force_login(alice)
    pages = ["/export/json/", f"/threads/{thread.pk}/export/zip/"]
    for page in pages:
        assert int(client.get(page)["Content-Length"]) > 0
    fill(thread, 3, 1_000_000)
    for page in pages:
        response: Any = client.get(page)
        assert "Content-Length" not in response
        assert sum(map(len, response.streaming_content)) > views.MAX_UNSTREAMED


def test_asking_for_the_headers_alone_writes_nothing(client: Client, monkeypatch: Any) -> None:
    alice = quick_user("alice")
    client.force_login(alice)

    def refused(*args: object) -> None:
        raise AssertionError

    monkeypatch.setattr(views, "export", refused)
    response: Any = client.head("/export/json/")
    assert (response.status_code, list(response.streaming_content)) == (200, [])
    assert response["Content-Type"] == "application/json"
    assert "Content-Length" not in response


def test_files_are_called_by_titles_of_every_script(client: Client) -> None:
    alice = quick_user("alice")
    thread = make_thread(alice, "東京 / Trip")
    make_persona(alice, "Ада")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(export(Source(alice), "zip"))))
    assert {"threads/00001-東京-trip.md", "personas/001-ада.json"} <= {*archive.namelist()}
    client.force_login(alice)
    header = client.get(f"/threads/{thread.pk}/export/json/")["Content-Disposition"]
    assert header.startswith(f"attachment; filename*=utf-8''twinthread-{quote('東京-trip')}-")
    Thread.objects.update(title="𠀀" * 255)
    name = b"".join(export(Source(alice), "zip"))
    names = zipfile.ZipFile(io.BytesIO(name)).namelist()
    assert max(len(Path(name).name.encode()) for name in names) < 255


def test_table_holds_together_where_semicolons_separate() -> None:
    alice = quick_user("alice")
    make_message(make_thread(alice), "hi;=1+1")
    assert b',"hi;=1+1",' in b"".join(export(Source(alice), "csv"))


def test_character_card_says_how_it_speaks_and_comes_back_as_it_was() -> None:
    alice, bob = quick_user("alice"), quick_user("bob")
    metadata = {
        "instructions": "Short sentences.",
        "tone": "dry",
        "commonPhrases": ["see you"],
        "sampleTexts": ["One.", "Two."],
        "wordCount": 12,
    }
    make_persona(alice, "Work", description="Me at work", color="#123456", metadata=metadata)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(export(Source(alice), "zip"))))
    card = archive.read("personas/001-work.json")
    data = json.loads(card)["data"]
    assert (data["system_prompt"], data["personality"]) == ("Short sentences.", "dry\nsee you")
    assert data["mes_example"] == "<START>\n{{char}}: One.\n<START>\n{{char}}: Two.\n"
    assert import_bytes(bob, card).skipped == {}
    persona = Persona.objects.get(user=bob)
    assert (persona.name, persona.description, persona.color) == ("Work", "Me at work", "#123456")
    assert persona.metadata == metadata


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["json", "csv"])
def test_export_goes_on_while_its_account_is_deleted(name: str) -> None:
    alice = quick_user("alice")
    fill(make_thread(alice), 400, 2_000)
    chunks = export(Source(alice), name)
    first = next(chunks)

    def delete() -> None:
        User.objects.all().delete()
        connections.close_all()

    thread = threading.Thread(target=delete)
    thread.start()
    thread.join()
    whole = first + b"".join(chunks)
    assert not User.objects.exists()
    lines = whole.decode().splitlines()
    assert sum("-" in line and len(line) > 2_000 for line in lines) == 400


@pytest.mark.engines("postgresql")
@pytest.mark.django_db(transaction=True)
def test_messages_are_read_in_their_order_and_not_sorted_first() -> None:
    """A million would take half a second to sort before the first byte is sent."""
    alice = quick_user("alice")
    fill(make_thread(alice), 400, 100)
    source = Source(alice)
    with source.snapshot():
        plan = source.messages().values_list("thread__title", "content").explain()
    assert "Index Scan" in plan
    assert "Sort" not in plan


def test_command_leaves_no_half_file_where_the_disk_is_full(tmp_path: Path) -> None:
    alice = quick_user("alice")
    fill(make_thread(alice), 10, 100_000)
    path = tmp_path / "out.json"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    try:
        with pytest.raises(CommandError, match="cannot be written: File too large"):
            call_command("exportdata", alice.email, format="json", output=str(path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_command_names_a_folder_it_cannot_write_into(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        call_command("exportdata", quick_user("alice").email, output=str(tmp_path / "no" / "out"))


def test_command_writes_into_a_pipe_and_says_when_its_reader_goes(monkeypatch: Any) -> None:
    alice = quick_user("alice")
    make_message(make_thread(alice), "hi")
    readable, writable = os.pipe()
    with io.TextIOWrapper(os.fdopen(writable, "wb")) as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        call_command("exportdata", alice.email, format="json", output="-")
        assert json.loads(os.read(readable, 65536))["messages"][0]["content"] == "hi"
        os.close(readable)
        with pytest.raises(CommandError, match="stopped before its end"):
            call_command("exportdata", alice.email, format="json", output="-")
