"""Work on untrusted data in a process of its own, whose memory and time are limited.

Parsing a hostile file may take hundreds of megabytes, and seconds without releasing the
interpreter. In a process neither holds up the other requests. The process writes one JSON value
on each line, and `null` at its end.
"""

from __future__ import annotations

import datetime
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from uploads.reading import RefusedError

ROOT = Path(__file__).parent.parent


def values_from(
    module: str, *arguments: str, environment: dict[str, str] | None = None
) -> Iterator[Any]:
    """Run `python -m module` and yield the values that it writes. Timestamps arrive as text.

    Raises:
        RefusedError: The process refuses its data, or it takes too much.
    """
    command = [sys.executable, "-m", module, *arguments]
    has_ended = False
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=os.environ | (environment or {}), cwd=ROOT
    ) as process:
        try:
            for line in process.stdout or ():
                value = json.loads(line)
                if value is None:
                    has_ended = True
                elif isinstance(value, dict) and "refused" in value:
                    raise RefusedError(value["refused"])
                else:
                    yield value
        finally:
            process.kill()
    if not has_ended:
        raise RefusedError("The file is too large or too complex to be read.")


def limit(*, memory: int, seconds: int) -> None:
    """Limit this process: bytes of address space, and seconds of the processor."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def write_all(make: Callable[[], Iterable[Any]], *, missing: str) -> None:
    """Write the values for `values_from`; `missing` is the refusal where a file is gone."""
    try:
        for value in make():
            _write(value)
        _write(None)
    except RefusedError as refusal:
        _write({"refused": str(refusal)})
    except FileNotFoundError:
        _write({"refused": missing})
    sys.stdout.flush()


def _write(value: Any) -> None:
    sys.stdout.write(json.dumps(value, default=datetime.datetime.isoformat))
    sys.stdout.write("\n")
