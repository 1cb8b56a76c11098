"""Start ten `migrate` at the same time on an empty database, twenty times.

    TEST_ENGINE=postgresql python -m tests.faults.concurrent [--rounds 20] [--processes 10]

All must exit with 0, one must do the work, and the schema must be right every time.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from django.db import connections

from schema.drift.verify import verify
from tests.conftest import new_database
from tests.schema.processes import start


def one_round(folder: Path, processes: int) -> list[str]:
    """Return the faults of one round."""
    with new_database(folder) as database:
        started = [start(database.url, "migrate", "--json") for _ in range(processes)]
        ended = [(*process.communicate(timeout=600), process.returncode) for process in started]
        wrong = [f"exit status {status}: {err}" for _, err, status in ended if status or err]
        idle = 0
        for out, _, _ in ended:
            events = [json.loads(line)["event"] for line in out.splitlines()]
            idle += "nothing_to_do" in events
        if idle != processes - 1:
            wrong.append(f"{processes - idle} of {processes} did something")
        result = verify(database.connection)
        wrong += [difference.object for difference in result.all_differences]
        connections.close_all()
    return wrong


def run(folder: Path, rounds: int, processes: int, write: Callable[[str], None]) -> int:
    """Return the number of rounds with a fault."""
    failed = 0
    for number in range(1, rounds + 1):
        begin = time.monotonic()
        wrong = one_round(folder, processes)
        failed += bool(wrong)
        text = "; ".join(wrong) or "all exit 0, one did the work, verify is clean"
        write(f"round {number}: {text} ({time.monotonic() - begin:.1f} s)")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=10)
    arguments = parser.parse_args()

    def write(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as folder:
        failed = run(Path(folder), arguments.rounds, arguments.processes, write)
    write(f"{failed} of {arguments.rounds} rounds failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
