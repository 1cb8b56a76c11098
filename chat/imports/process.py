"""Read a file in a process of its own, whose memory and time are limited.

Parsing a hostile file may take seconds without releasing the interpreter and hundreds of
megabytes; here neither holds up the other requests. `python -m chat.imports.process FILE`
writes what it reads to standard output, one JSON value on each line.
"""

from __future__ import annotations

import datetime
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from chat.imports.items import Conversation, Item, Problem, Read, Skipped
from chat.imports.reading import RefusedError

MAX_MEMORY = 1_500_000_000  # bytes of address space, of which the program itself takes a third
MAX_SECONDS = 300  # of the processor
KINDS = {kind.__name__: kind for kind in (Item, Skipped, Problem)}


def read_in_process(path: Path) -> Iterator[Read]:
    """Yield what is read from a file.

    Raises:
        RefusedError: Nothing in the file can be imported, or reading it takes too much.
    """
    command = [sys.executable, "-m", "chat.imports.process", str(path)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE}
    has_ended = False
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment, cwd=settings.BASE_DIR
    ) as process:
        try:
            for line in process.stdout or ():
                value = json.loads(line)
                if value is None:
                    has_ended = True
                elif "refused" in value:
                    raise RefusedError(value["refused"])
                else:
                    yield decoded(value)
        finally:
            process.kill()
    if not has_ended:
        raise RefusedError("The file is too large or too complex to be read.")


def main(path: str) -> None:
    """Read the file and write what it holds."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    django.setup(set_prefix=False)
    from chat.imports.files import read  # imports models

    try:
        with Path(path).open("rb") as file:
            for item in read(file, Path(path).stat().st_size):
                _write(encoded(item))
        _write(None)
    except RefusedError as refusal:
        _write({"refused": str(refusal)})
    except FileNotFoundError:
        _write({"refused": "The file has been deleted or imported already. Choose it again."})
    sys.stdout.flush()


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


def _write(value: dict[str, Any] | None) -> None:
    sys.stdout.write(json.dumps(value, default=datetime.datetime.isoformat))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
