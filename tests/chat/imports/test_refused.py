"""Broken and hostile files: each is refused with the reason and changes nothing."""

import copy
import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.imports import files
from chat.imports.reading import RefusedError
from chat.imports.report import Report
from chat.models import MessageVersion, Reply
from tests.chat.imports.files import (
    CARD,
    CHATGPT,
    OPENWEBUI,
    as_bytes,
    changed,
    everything,
    exported,
    import_bytes,
    png,
    preview_bytes,
    quick_user,
    zipped,
)
from tests.factories import make_message, make_persona, make_thread, make_user
from threads.models import Thread
from uploads import reading, zips
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.engines("any")]

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
    "no id": changed([0, "conversation_id"], None, CHATGPT),
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
        import_bytes(alice, data)
    assert everything() == before
    client.force_login(alice)
    page = client.post("/import/upload/", {"file": SimpleUploadedFile("file", data)})
    assert page.status_code == 422
    assert "errorlist" in page.content.decode()


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["version"], 3, "version 3"),
        (["format"], "other", "not a Twinthread export"),
        (["messages", 0, "role"], "king", "role of message 1"),
        (["messages", 0, "thread"], "0" * 32, "not in the file"),
        (["messages", 0, "created_at"], "2025-01-01", "no time zone"),
        (["messages", 0, "id"], "1", "not an id"),
        (["messages", 0], {"id": "0" * 32}, "Message 1 has no"),
        (["threads", 0, "title"], "x" * 256, "longer than 255"),
        (["personas", 0, "color"], "red", "not a colour"),
        (["personas", 0, "is_active"], 1, "neither true nor false"),
        (["messages"], {}, "in place of"),
        (["replies"], None, "in place of"),
    ],
)
def test_archive_with_a_wrong_row_is_refused_whole(path: Any, value: Any, reason: str) -> None:
    alice, bob = make_user(), make_user("bob")
    make_message(make_thread(alice, persona=make_persona(alice)))
    data = changed(path, value, json.loads(exported(alice)))
    before = everything()
    with pytest.raises(RefusedError, match=reason):
        import_bytes(bob, data)
    assert everything() == before


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = make_user()
    with pytest.raises(RefusedError, match="larger than 1,000 MB"):
        files.read(io.BytesIO(b"[]"), 2_000_000_000)
    monkeypatch.setattr(zips, "HARMLESS", 1_000_000)
    with pytest.raises(RefusedError, match="unpacks to far more"):
        import_bytes(alice, zipped(conversations__json=b"[" + b" " * 3_000_000 + b"]"))
    monkeypatch.setattr(reading, "MAX_VALUE", 500_000)
    with pytest.raises(RefusedError, match="One value in the file is longer"):
        import_bytes(alice, b'["' + b"x" * 5_000_000 + b'"]')


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    imported: Report | str
    try:
        expected = preview_bytes(bob, bytes(raw))
    except RefusedError as refusal:
        expected = str(refusal)
    assert everything() == before
    try:
        imported = import_bytes(bob, bytes(raw))
    except RefusedError as refusal:
        imported = str(refusal)
        assert everything() == before
    assert imported == expected
    client.force_login(bob)
    pages = [thread.get_absolute_url() for thread in Thread.objects.filter(user=bob)[:1]]
    for page in ("/search/?q=a", "/threads/", "/personas/", *pages):
        assert client.get(page).status_code == 200
    json.loads(exported(bob))


ODD_KEYS = ["", "\0", "\ud800", "a", "id", "é" * 300, "mapping", "chat", "messages", "history"]


def mangled(data: Any, value: Any) -> Any:
    """Return `value` with one part replaced."""
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
