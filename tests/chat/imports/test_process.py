"""Reading in a process of its own."""

import datetime
from pathlib import Path
from typing import Any

import pytest

from chat.imports import process
from chat.imports.files import read
from chat.imports.items import Conversation, Item, Problem, Skipped
from chat.imports.process import decoded, encoded, read_in_process
from chat.imports.reading import RefusedError
from tests.chat.imports.files import CARD, CHATGPT, OPENWEBUI, as_bytes, zipped

pytestmark = pytest.mark.engines("any")

WHEN = datetime.datetime(2025, 3, 4, 5, 6, 7, 89, tzinfo=datetime.UTC)


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("value", [CHATGPT, OPENWEBUI, [*CHATGPT, None, *OPENWEBUI]])
def test_process_reads_what_the_readers_read(tmp_path: Path, value: Any) -> None:
    path = write(tmp_path, as_bytes(value))
    with path.open("rb") as file:
        assert list(read_in_process(path)) == list(read(file, path.stat().st_size))


def test_process_passes_a_refusal_on(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="neither JSON"):
        list(read_in_process(write(tmp_path, b"hello")))
    with pytest.raises(RefusedError, match="deleted or imported already"):
        list(read_in_process(tmp_path / "none"))


@pytest.mark.parametrize(
    "data",
    [
        b"[[" + b"[]," * 3_000_000 + b"[]]]",
        zipped(conversations__json=b'[{"mapping": [' + b"[]," * 9_000_000 + b"[]]}]"),
        b"[{" + b",".join(b'"%d":1' % number for number in range(2_100_000)) + b"}]",
    ],
    ids=["list", "ZIP", "keys"],
)
def test_value_of_too_many_parts_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(RefusedError, match=r"more than 2,000,000 parts|far more than its size"):
        list(read_in_process(write(tmp_path, data)))


def test_list_of_nothing_readable_is_refused_soon(tmp_path: Path) -> None:
    path = write(tmp_path, b"[" + b"[]," * 300_000 + b"[]]")
    with pytest.raises(RefusedError, match="More than 10,000 conversations"):
        list(read_in_process(path))


def test_process_that_needs_too_much_is_ended(tmp_path: Path, monkeypatch: Any) -> None:
    path = write(tmp_path, as_bytes(CARD))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (60_000_000, 60_000_000))\n"
    )
    with pytest.raises(RefusedError, match="too large or too complex"):
        list(read_in_process(path))


def test_process_ends_with_its_reader(tmp_path: Path) -> None:
    chats = [CHATGPT[0] | {"conversation_id": f"c{number}"} for number in range(20_000)]
    items = read_in_process(write(tmp_path, as_bytes(chats)))
    next(items)
    items.close()  # type: ignore[attr-defined]  # it is a generator


@pytest.mark.parametrize(
    "item",
    [
        Item("persona", "k", {"created_at": WHEN, "metadata": {"a_at": "text", "b": [None]}}),
        Item("thread", "k", {"pinned_at": None, "updated_at": WHEN}),
        Conversation(Item("thread", "t", {"created_at": WHEN}), [Item("message", "m", {})]),
        Skipped("x"),
        Problem("x", "y"),
    ],
)
def test_item_is_decoded_as_it_was(item: Any) -> None:
    import json

    line = json.dumps(encoded(item), default=datetime.datetime.isoformat)
    assert decoded(json.loads(line)) == item


def test_limits_are_below_what_a_worker_may_use() -> None:
    assert process.MAX_MEMORY <= 2_000_000_000
