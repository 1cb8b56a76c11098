"""Read a file in a process with limits: `python -m chat.imports.process FILE`."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.utils.translation import gettext_noop

from chat.imports.items import Conversation, Item, Problem, Read, Skipped
from uploads.process import limit, values_from, write_all

MAX_MEMORY = 1_500_000_000  # bytes of address space, of which the program itself takes a third
MAX_SECONDS = 300  # of the processor
GONE = gettext_noop("The file has been deleted or imported already. Choose it again.")
KINDS = {kind.__name__: kind for kind in (Item, Skipped, Problem)}


def read_in_process(path: Path) -> Iterator[Read]:
    """Yield what is read from a file.

    Raises:
        RefusedError: Nothing in the file can be imported, or reading it takes too much.
    """
    environment = {"DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE}
    for value in values_from("chat.imports.process", str(path), environment=environment):
        yield decoded(value)


def main(path: str) -> None:
    """Read the file and write what it holds."""
    limit(memory=MAX_MEMORY, seconds=MAX_SECONDS)
    django.setup(set_prefix=False)
    from chat.imports.files import read  # imports models

    def items() -> Iterator[dict[str, Any]]:
        with Path(path).open("rb") as file:
            for item in read(file, Path(path).stat().st_size):
                yield encoded(item)

    write_all(items, missing=GONE)


def encoded(item: Read) -> dict[str, Any]:
    """Return an item as JSON can hold it."""
    if isinstance(item, Conversation):
        return {"thread": encoded(item.thread), "messages": list(map(encoded, item.messages))}
    return {"class": type(item).__name__} | vars(item)


def decoded(value: dict[str, Any]) -> Read:
    """Return the item. In a row, the fields that end in `_at` are timestamps."""
    if "thread" in value:
        thread, *messages = map(decoded, [value["thread"], *value["messages"]])
        return Conversation(thread, messages)  # type: ignore[arg-type]  # they are items
    for name, field in value.get("row", {}).items():
        if name.endswith("_at") and field is not None:
            value["row"][name] = datetime.datetime.fromisoformat(field)
    item: Read = KINDS[value.pop("class")](**value)
    return item


if __name__ == "__main__":
    main(sys.argv[1])
