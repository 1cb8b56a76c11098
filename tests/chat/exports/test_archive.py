"""What an export holds."""

import asyncio
import csv
import datetime
import io
import json
import uuid
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from chat.exports import relay
from chat.exports.archive import FORMATS, export
from chat.exports.formats import cell
from chat.exports.relay import Relay, Slot, TooManyExportsError
from chat.exports.source import Source
from chat.models import ChatMessage, MessageVersion, Reply
from tests.factories import make_message, make_persona, make_thread, make_user
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db
WHEN = datetime.datetime(2025, 3, 4, 5, 6, 7, 89, tzinfo=datetime.UTC)


def written(source: Source, name: str) -> bytes:
    return b"".join(export(source, name))


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
    assert (data["format"], data["version"]) == ("twinthread", 2)
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


BLANKS = ["", " ", "   ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\x00", "\u202e", " \t"]


@pytest.mark.engines("any")
@pytest.mark.parametrize("blank", BLANKS, ids=[ascii(blank) for blank in BLANKS])
@pytest.mark.parametrize("sign", [*"=+-@＝＋－＠﹦﹢﹣﹫⁼⁺"])
def test_no_cell_is_a_formula(blank: str, sign: str) -> None:
    assert cell(f"{blank}{sign}1") == f"'{blank}{sign}1"


@pytest.mark.engines("any")
@pytest.mark.parametrize("start", ["\t", "\r", "\n", "\r\n"])
def test_cell_that_begins_with_a_separator_is_text(start: str) -> None:
    assert cell(f"{start}1") == f"'{start}1"


@pytest.mark.engines("any")
@pytest.mark.parametrize("text", ["", " ", "plain = text", " indented", "’=", "1-1", "'=1"])
def test_cell_of_text_stays_as_it_is(text: str) -> None:
    assert cell(text) == text


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
    assert (card["spec"], card["data"]["description"]) == ("chara_card_v3", "Dry.")


def test_downloads_keep_to_one_person(client: Client) -> None:
    alice, bob = make_user(), make_user("bob")
    hers, his = make_thread(alice), make_thread(bob)
    make_message(hers, "hers")
    make_message(his, "his")
    client.force_login(alice)
    assert "1 thread, 1 message." in client.get("/export/").content.decode()
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


def read(relay: Relay, count: int = 10_000) -> list[bytes]:
    async def run() -> list[bytes]:
        taken: list[bytes] = []
        async for chunk in relay:
            taken.append(chunk)
            if len(taken) == count:
                break
        return taken

    return asyncio.run(run())


def is_free(user: uuid.UUID, count: int = relay.MAX_PER_USER) -> bool:
    """Return whether the user may start `count` exports."""
    slots: list[Slot] = []
    try:
        slots.extend(Slot(user) for _ in range(count))  # keeps those before the error
    except TooManyExportsError:
        return False
    finally:
        for slot in slots:
            slot.release()
    return True


def test_relay_hands_over_every_chunk_and_ends_with_its_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "STALL_SECONDS", 3600)
    made: list[int] = []
    user = uuid.uuid4()

    def produce() -> Generator[bytes]:
        for number in range(1_000):
            made.append(number)
            yield b"%d " % number

    whole = Relay(produce, Slot(user))
    assert read(whole) == [b"%d " % number for number in range(1_000)]
    wait_for(lambda: is_free(user))
    made.clear()
    part = Relay(produce, Slot(user))
    assert len(read(part, 3)) == 3
    assert not is_free(user)
    part.close()
    wait_for(lambda: is_free(user))
    assert len(made) < 20


def test_relay_passes_an_error_on() -> None:
    def produce() -> Generator[bytes]:
        yield b"one"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        read(Relay(produce, Slot(uuid.uuid4())))


def test_relay_ends_when_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "STALL_SECONDS", 0.2)
    user = uuid.uuid4()
    ended: list[bool] = []

    def produce() -> Generator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            ended.append(True)

    async def run() -> None:
        stream = Relay(produce, Slot(user))
        await anext(stream)
        await asyncio.to_thread(wait_for, lambda: bool(ended) and is_free(user))
        with pytest.raises(TimeoutError, match="not read"):
            async for _ in stream:
                pass

    asyncio.run(run())


def test_response_that_nobody_reads_gives_its_slot_back() -> None:
    user = uuid.uuid4()
    for _ in range(2 * relay.MAX_PER_PROCESS):
        Relay(lambda: (chunk for chunk in [b"x"]), Slot(user)).close()
    assert is_free(user)


def test_few_exports_run_at_once(client: Client) -> None:
    alice, bob = make_user(), make_user("bob")
    client.force_login(alice)
    slots = [Slot(alice.pk) for _ in range(relay.MAX_PER_USER)]
    try:
        refused = client.get("/export/json/")
        assert (refused.status_code, "Wait until one has ended" in refused.content.decode()) == (
            429,
            True,
        )
        client.force_login(bob)
        assert client.get("/export/json/").status_code == 200
        slots += [Slot(uuid.uuid4()) for _ in range(relay.MAX_PER_PROCESS - len(slots))]
        assert client.get("/export/json/").status_code == 429
    finally:
        for slot in slots:
            slot.release()
    assert client.get("/export/json/").status_code == 200


@pytest.mark.engines("postgresql")
@pytest.mark.django_db(transaction=True)
def test_download_is_streamed_to_an_asynchronous_server() -> None:
    alice = make_user()
    for number in range(3):
        make_message(make_thread(alice), f"message {number}" + "x" * 1_000_000)

    async def read() -> bytes:
        client = AsyncClient()
        await client.aforce_login(alice)
        response: Any = await client.get("/export/json/")
        chunks = [chunk async for chunk in response.streaming_content]
        await sync_to_async(connections.close_all)()  # those of the thread views run in
        return b"".join(chunks)

    assert len(json.loads(asyncio.run(read()))["messages"]) == 3


def test_command_writes_a_file_and_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_message(make_thread(make_user()), "Hi")
    path = tmp_path / "out.json"
    call_command("exportdata", "ALICE@example.com", format="json", output=str(path))
    assert json.loads(path.read_text())["messages"][0]["content"] == "Hi"
    assert "out.json: 1 message, 0.0 MB." in capsys.readouterr().out
    with pytest.raises(CommandError, match="exists"):
        call_command("exportdata", "alice@example.com", output=str(path))
    with pytest.raises(CommandError, match="No user has"):
        call_command("exportdata", "carol@example.com")
