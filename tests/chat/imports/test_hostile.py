"""Files made to harm: they are refused within their bounds, and lock nobody out."""

import bz2
import io
import json
import lzma
import tracemalloc
import zipfile
from typing import Any

import pytest
from django.test import Client

from chat.imports import archives, loading
from chat.imports.reading import RefusedError
from chat.models import ChatMessage, MessageVersion, Reply
from personas.models import Persona
from tests.chat.imports.files import (
    CHATGPT,
    as_bytes,
    changed,
    everything,
    exported,
    import_bytes,
    preview_bytes,
)
from tests.chat.imports.files import quick_user as quick
from tests.factories import make_message, make_persona, make_thread
from threads.models import Thread
from uploads import zips
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.engines("any")]


def archive() -> Any:
    """Return the archive of somebody with one row of each kind."""
    alice = quick("alice")
    thread = make_thread(alice, persona=make_persona(alice))
    question = make_message(thread, "q")
    answer = make_message(thread, "a", role="assistant")
    MessageVersion.objects.create(
        message=question, role="user", content="v", written_at=question.created_at
    )
    Reply.objects.create(
        thread=thread, question=question, answer=answer, voice="twin", status="complete"
    )
    return json.loads(exported(alice))


def refusal(user: User, data: bytes) -> str:
    """Return why both the preview and the import refuse a file; nothing may have changed."""
    before = everything()
    with pytest.raises(RefusedError) as shown:
        preview_bytes(user, data)
    with pytest.raises(RefusedError) as imported:
        import_bytes(user, data)
    assert (str(shown.value), everything()) == (str(imported.value), before)
    return str(imported.value)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["personas", 0, "metadata"], nested(900), "nested too deeply"),
        (["replies", 0, "failure"], "x" * 21, "failure of reply 1 is longer than"),
        (["versions", 0, "message"], "0" * 32, "not in the file"),
        (["replies", 0, "thread"], "0" * 32, "not in the file"),
        (["version"], True, "no version that is a number"),
        (["version"], "1", "no version that is a number"),
        (["version"], 10**30, "version 1000"),
    ],
)
def test_preview_refuses_what_the_import_would(path: Any, value: Any, reason: str) -> None:
    data = changed(path, value, archive())
    assert reason in refusal(quick("bob"), data)


def test_number_that_no_database_holds_is_refused() -> None:
    data = as_bytes(archive()).replace(b'"metadata": {}', b'"metadata": {"a": 1e999}')
    assert "number that is too large" in refusal(quick("bob"), data)


def test_preview_counts_a_row_that_stands_in_the_file_twice_once() -> None:
    whole = archive()
    data = as_bytes(whole | {"messages": whole["messages"] * 600})
    bob = quick("bob")
    expected = preview_bytes(bob, data)
    assert expected == import_bytes(bob, data)
    assert (expected.added["message"], expected.known["message"]) == (2, 1198)


def test_rows_of_another_account_are_neither_taken_nor_touched() -> None:
    whole = archive()
    alice = User.objects.get()
    before, bob = exported(alice), quick("bob")
    stolen = as_bytes(whole | {"personas": [], "threads": [], "versions": [], "replies": []})
    assert "thread that is not in the file" in refusal(bob, stolen)
    only = as_bytes(whole | {"messages": [], "replies": []})
    assert "message that is not in the file" in refusal(bob, only)
    whole["threads"][0]["title"] = "Mine"
    import_bytes(bob, as_bytes(whole))
    after = json.loads(exported(alice))
    assert {**after, "exported_at": ""} == {**json.loads(before), "exported_at": ""}
    assert Thread.objects.get(user=bob).title == "Mine"


def test_unknown_keys_are_passed_over_in_time_that_grows_with_their_number() -> None:
    whole = archive()
    odd = {"format": "twinthread"} | {f"key {n}": n for n in range(200_000)} | whole
    import_bytes(quick("bob"), as_bytes(odd))
    assert ChatMessage.objects.count() == 4


def test_messages_of_megabytes_are_written_a_few_at_a_time(monkeypatch: Any) -> None:
    whole = archive()
    one = whole["messages"][0]
    huge = [one | {"id": f"{n:032x}", "content": f"{n} " + "x" * 1_000_000} for n in range(40)]
    data = as_bytes(whole | {"messages": whole["messages"] + huge})
    waited: list[int] = []
    insert = loading.Loader.insert

    def watched(loader: Any, model: Any, rows: Any) -> None:
        waited.append(sum(len(row.get("content", "")) for row in rows))
        insert(loader, model, rows)

    monkeypatch.setattr(loading.Loader, "insert", watched)
    import_bytes(quick("bob"), data)
    assert ChatMessage.objects.filter(content__startswith="39 x").exists()
    assert max(waited) < loading.MAX_CHARACTERS + 2_000_000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_that_unpacks_without_bound_is_not_unpacked(method: int) -> None:
    alice, buffer = quick("alice"), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as packed:
        packed.writestr("conversations.json", b"[" + b" " * 60_000_000 + b"]")
    data = buffer.getvalue()
    assert len(data) < 100_000
    tracemalloc.start()
    try:
        assert "a way that is not supported" in refusal(alice, data)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_zip_of_too_many_files_is_refused_before_they_are_listed(monkeypatch: Any) -> None:
    alice, buffer = quick("alice"), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for number in range(2_000):
            packed.writestr(f"{number}", b"")
        packed.writestr("conversations.json", as_bytes(CHATGPT))
    import_bytes(alice, buffer.getvalue())
    monkeypatch.setattr(zips, "MAX_DIRECTORY", 50_000)
    assert "too many files" in refusal(alice, buffer.getvalue())


def test_zip_of_our_own_may_hold_any_number_of_threads(monkeypatch: Any) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    alice, bob = quick("alice"), quick("bob")
    for number in range(5):
        make_message(make_thread(alice, f"Talk {number}"))
    assert import_bytes(bob, exported(alice, "zip")).added["thread"] == 5


def test_file_inside_a_file_inside_a_zip_is_not_opened() -> None:
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as packed:
        packed.writestr("conversations.json", as_bytes(CHATGPT))
    with zipfile.ZipFile(outer, "w") as packed:
        packed.writestr("conversations.json", inner.getvalue())
    assert "neither JSON" in refusal(quick("alice"), outer.getvalue())


@pytest.mark.parametrize("packer", [bz2.compress, lzma.compress])
def test_other_packed_files_are_refused(packer: Any) -> None:
    refusal(quick("alice"), packer(as_bytes(CHATGPT)))


def test_no_imported_persona_keeps_a_page_from_being_shown(client: Client) -> None:
    bob = quick("bob")
    import_bytes(bob, changed(["personas", 0, "metadata"], nested(40), archive()))
    client.force_login(bob)
    persona = Persona.objects.get(user=bob)
    for page in ("/threads/", "/search/?q=q", "/personas/", f"/personas/{persona.pk}/"):
        assert client.get(page).status_code == 200
    assert json.loads(exported(bob))["personas"][0]["metadata"] == nested(40)
