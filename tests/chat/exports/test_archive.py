"""What an export holds."""

import asyncio
import csv
import datetime
import io
import json
import threading
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from chat.exports.archive import FORMATS, export
from chat.exports.formats import cell
from chat.exports.relay import relay
from chat.exports.source import Source
from chat.models import ChatMessage, MessageVersion, Reply
from tests.factories import make_message, make_persona, make_thread, make_user

pytestmark = pytest.mark.django_db
WHEN = datetime.datetime(2025, 3, 4, 5, 6, 7, 89, tzinfo=datetime.UTC)


def written(what: Source, name: str) -> bytes:
    return b"".join(export(what, name))


def test_json_is_complete() -> None:
    alice, bob = make_user(), make_user("bob")
    make_message(make_thread(bob), "not hers")
    persona = make_persona(alice, "Work", metadata={"tone": ["dry", None]})
    thread = make_thread(alice, "Plans", persona=persona, pinned_at=WHEN)
    gone = make_thread(alice, "Gone", deleted_at=WHEN)
    make_message(gone, "deleted")
    contents = ['"quoted" \\ back\\slash\n\r\t\x01\x02\x7f', "", "emoji 🎉 שלום \u2028", "a,b;c\\."]
    messages = [make_message(thread, text, role="twin") for text in contents]
    ChatMessage.objects.filter(pk=messages[0].pk).update(created_at=WHEN, updated_at=WHEN)
    MessageVersion.objects.create(
        message=messages[0], role="twin", content="before", written_at=WHEN, replaced_at=WHEN
    )
    Reply.objects.create(
        thread=thread, answer=messages[0], voice="twin", status="complete", model="m"
    )
    Reply.objects.create(thread=thread, voice="twin", status="streaming")
    data = json.loads(written(Source(alice), "json"))
    assert (data["format"], data["version"]) == ("twinthread", 1)
    assert data["account"]["email"] == "alice@example.com"
    assert [(p["id"], p["metadata"]) for p in data["personas"]] == [
        (str(persona.pk), {"tone": ["dry", None]})
    ]
    assert [(t["id"], t["persona"], t["pinned_at"]) for t in data["threads"]] == [
        (str(thread.pk), str(persona.pk), "2025-03-04T05:06:07.000089+00:00")
    ]
    assert {m["content"] for m in data["messages"]} == set(contents)
    assert data["messages"][0] == {
        "id": str(messages[0].pk),
        "thread": str(thread.pk),
        "role": "twin",
        "content": contents[0],
        "created_at": "2025-03-04T05:06:07.000089+00:00",
        "updated_at": "2025-03-04T05:06:07.000089+00:00",
    }
    assert [(v["message"], v["content"]) for v in data["versions"]] == [
        (str(messages[0].pk), "before")
    ]
    assert [(r["answer"], r["model"]) for r in data["replies"]] == [(str(messages[0].pk), "m")]


def test_csv_opens_in_a_spreadsheet_and_runs_nothing() -> None:
    alice = make_user()
    thread = make_thread(alice, "=Plans", persona=make_persona(alice, "Work"))
    make_message(thread, '=HYPERLINK("http://x")\nline two', created_at=WHEN)
    raw = written(Source(alice), "csv")
    assert raw.startswith(b'\xef\xbb\xbf"thread","persona",')
    head, row = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    assert dict(zip(head, row, strict=True)) | {"message_id": "", "thread_id": ""} == {
        "thread": "'=Plans",
        "persona": "Work",
        "role": "user",
        "created_at": "2025-03-04T05:06:07.000089+00:00",
        "content": '\'=HYPERLINK("http://x")\nline two',
        "message_id": "",
        "thread_id": "",
    }
    for start in "=+-@\t\r":
        assert cell(f"{start}1") == f"'{start}1"
    assert cell("plain = text") == "plain = text"


def test_markdown_reads_like_a_conversation() -> None:
    alice = make_user()
    thread = make_thread(alice, "Plans", persona=make_persona(alice, "Work"))
    make_message(thread, "Hi *you*", created_at=WHEN)
    make_message(thread, "Hello", role="twin", created_at=WHEN + datetime.timedelta(minutes=1))
    assert written(Source(alice, thread), "markdown").decode() == (
        "# Plans\n\n"
        "**Alice** · 2025-03-04 05:06\n\nHi *you*\n\n---\n\n"
        "**Work** · 2025-03-04 05:07\n\nHello\n\n---\n\n"
    )


def test_zip_holds_all_of_them_and_the_personas() -> None:
    alice = make_user()
    make_persona(alice, "Work Me", description="Dry.")
    make_message(make_thread(alice, "../../Plans"), "Hi")
    archive = zipfile.ZipFile(io.BytesIO(written(Source(alice), "zip")))
    assert archive.testzip() is None
    assert archive.namelist() == [
        "README.txt",
        "account.json",
        "messages.csv",
        "personas/001-work-me.json",
        "threads/00001-plans.md",
    ]
    assert json.loads(archive.read("account.json"))["messages"][0]["content"] == "Hi"
    card = json.loads(archive.read("personas/001-work-me.json"))
    assert (card["spec"], card["data"]["description"]) == ("chara_card_v2", "Dry.")


def test_downloads_keep_to_one_person(client: Client) -> None:
    alice, bob = make_user(), make_user("bob")
    hers, his = make_thread(alice), make_thread(bob)
    make_message(hers, "hers")
    make_message(his, "his")
    client.force_login(alice)
    assert "1 thread with 1 message" in client.get("/export/").content.decode()
    for name in FORMATS:
        response: Any = client.get(f"/export/{name}/")
        assert response.status_code == 200
        assert "attachment" in response["Content-Disposition"]
        assert b"his" not in response.content
        assert int(response["Content-Length"]) == len(response.content)
    one = client.get(f"/threads/{hers.pk}/export/json/")
    assert [m["content"] for m in one.json()["messages"]] == ["hers"]
    assert int(one["Content-Length"]) == len(one.content)
    assert client.get(f"/threads/{his.pk}/export/json/").status_code == 404
    assert client.get("/export/exe/").status_code == 404


def test_export_takes_as_many_queries_for_one_thread_as_for_three() -> None:
    alice = make_user()
    counts = []
    for number in (1, 2, 3):
        make_message(make_thread(alice, f"Plans {number}"))
        with CaptureQueriesContext(connection) as queries:
            written(Source(alice), "json")
            written(Source(alice), "csv")
        counts.append(len(queries))
    assert counts == [counts[0]] * 3


def test_relay_hands_over_every_piece_and_stops_with_its_reader() -> None:
    made: list[int] = []

    def produce() -> Iterator[bytes]:
        for number in range(1_000):
            made.append(number)
            yield b"%d " % number

    async def read(pieces: int) -> list[bytes]:
        stream = relay(produce)
        taken = [piece async for piece, _ in azip(stream, pieces)]
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        return taken

    async def azip(stream: AsyncIterator[bytes], pieces: int) -> AsyncIterator[tuple[bytes, int]]:
        for number in range(pieces):
            try:
                yield await anext(stream), number
            except StopAsyncIteration:
                return

    assert asyncio.run(read(2_000)) == [b"%d " % number for number in range(1_000)]
    made.clear()
    assert len(asyncio.run(read(3))) == 3
    for thread in threading.enumerate():
        if thread.name == "export":
            thread.join(5)
    assert len(made) < 20


def test_relay_passes_on_what_went_wrong() -> None:
    def produce() -> Iterator[bytes]:
        yield b"one"
        raise OSError("gone")

    async def read() -> None:
        async for _ in relay(produce):
            pass

    with pytest.raises(OSError, match="gone"):
        asyncio.run(read())


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_download_is_streamed_to_an_asynchronous_server() -> None:
    alice = make_user()
    for number in range(3):
        make_message(make_thread(alice), f"message {number}" + "x" * 1_000_000)

    async def read() -> bytes:
        client = AsyncClient()
        await client.aforce_login(alice)
        response: Any = await client.get("/export/json/")
        pieces = [piece async for piece in response.streaming_content]
        await sync_to_async(connections.close_all)()  # those of the thread views run in
        return b"".join(pieces)

    assert len(json.loads(asyncio.run(read()))["messages"]) == 3


def test_command_writes_a_file_and_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_message(make_thread(make_user()), "Hi")
    path = tmp_path / "out.json"
    call_command("exportdata", "ALICE@example.com", format="json", output=str(path))
    assert json.loads(path.read_text())["messages"][0]["content"] == "Hi"
    assert "out.json: 1 message, 0.0 MB." in capsys.readouterr().out
    with pytest.raises(CommandError, match="there already"):
        call_command("exportdata", "alice@example.com", output=str(path))
    with pytest.raises(CommandError, match="Nobody here"):
        call_command("exportdata", "carol@example.com")
