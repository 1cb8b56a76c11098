"""Run a border on random inputs: python -m tests.fuzz imports --count 100000 --seed 1.

Each input is one that works, with a few bytes or JSON values changed. An exception, or an input
that takes longer than the limit, is written to a file in the current folder, and the exit
code is 1. Inputs that were found become tests. `search` needs a database that is empty,
DATABASE_URL or one in memory.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

INTERESTING = [
    b"\0",
    b"\xff",
    b"\\ud800",
    b"\\u0000",
    b"[",
    b"{",
    b'"',
    b"1e999",
    b"\r",
    b"\xef\xbb\xbf",
]
VALUES: list[Any] = [
    *(None, True, -1, 0, 1.5, 1e300, 10**30, "", "\0", "\ud800", "a", [], {}, [[]], {"a": 1}),
    *("x" * 10_000, [1] * 1_000, "9999-12-31T23:59:59-23:00", float("inf")),
]


def main() -> int:
    """Run the target, and report what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=["imports", "cards", "stream", "markdown", "search"])
    parser.add_argument("--count", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--limit", type=float, default=2.0, help="processor seconds for one input")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("DATABASE_URL", "sqlite://:memory:")
    os.environ.setdefault("DEBUG", "1")
    import django

    django.setup()
    from tests.fuzz.targets import TARGETS

    target = TARGETS[options.target]
    chance, seeds = random.Random(options.seed), target.seeds()
    faults, slowest = 0, 0.0
    for number in range(options.count):
        data = mutated(chance, chance.choice(seeds))
        begin = time.process_time()
        fault = ""
        try:
            target.run(data)
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        seconds = time.process_time() - begin
        slowest = max(slowest, seconds)
        if fault or seconds > options.limit:
            faults += 1
            path = Path(f"fuzz-{options.target}-{hashlib.sha256(data).hexdigest()[:8]}")
            path.write_bytes(data)
            sys.stdout.write(f"input {number}: {fault or f'{seconds:.1f} s'}; see {path}\n")
    sys.stdout.write(
        f"{options.target}: {options.count:,} inputs, {faults} faults, slowest {slowest:.2f} s\n"
    )
    return 1 if faults else 0


def mutated(chance: random.Random, seed: bytes) -> bytes:
    """Return the input with a few changes, half of the time in its structure if it is JSON."""
    if chance.random() < 0.5:
        try:
            value = json.loads(seed)
        except ValueError:
            pass
        else:
            for _ in range(chance.randint(1, 3)):
                change(chance, value)
            return json.dumps(value).encode()
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            data[place : place + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del data[place : place + chance.randint(1, 40)]
        elif kind == 2:
            data[place:place] = chance.choice(INTERESTING)
        else:
            data[place:place] = data[place : place + 60] * chance.randint(1, 50)
    return bytes(data)


def change(chance: random.Random, value: Any) -> None:
    """Change one thing somewhere in a JSON value."""
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = chance.choice(keys)
        inner = value[key]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.8:
            value = inner
            continue
        if isinstance(value, dict) and chance.random() < 0.2:
            value[chance.choice(["", "a", "id", "\0", "mapping", "messages"])] = value.pop(key)
        else:
            value[key] = copy.deepcopy(chance.choice(VALUES))
        return


if __name__ == "__main__":
    sys.exit(main())
