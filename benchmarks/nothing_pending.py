"""What `migrate` costs with nothing to do, beside Django's own, in processes of their own.

    python -m benchmarks.nothing_pending [--rounds 15]

Both run in turn on one migrated database, on SQLite and on PostgreSQL, so that whatever else
the machine does hits both. CPU time is that of the process. The bound, 1.10, is on the
median of the ratios of the time that passes, each of two runs that followed each other.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import postgres

ROOT = Path(__file__).parent.parent
BOUND = 1.10
# Django's command, started as manage.py starts ours.
STOCK = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
from django.core import management
commands = management.get_commands()
commands["migrate"] = "django.core"
management.execute_from_command_line(["manage.py", "migrate"])
"""


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run the command; return the seconds that passed and those of CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    passed = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return passed, cpu


def compare(engine: str, url: str, rounds: int) -> float:
    """Print one line for the engine; return the ratio of the medians."""
    environment = os.environ | {"DATABASE_URL": url, "DEBUG": "1"}
    ours, stock = [sys.executable, "manage.py", "migrate"], [sys.executable, "-c", STOCK]
    for command in (ours, ours, stock):  # migrate, and warm what is cached
        measure(command, environment)
    times: dict[str, list[tuple[float, float]]] = {"ours": [], "stock": []}
    for number in range(rounds):
        pair = [("ours", ours), ("stock", stock)]
        for name, command in pair if number % 2 else reversed(pair):
            times[name].append(measure(command, environment))
    passed = {name: statistics.median(one for one, _ in runs) for name, runs in times.items()}
    cpu = {name: statistics.median(one for _, one in runs) for name, runs in times.items()}
    pairs = zip(times["ours"], times["stock"], strict=True)
    ratio = statistics.median(one / other for (one, _), (other, _) in pairs)
    print(
        f"{engine:<12}{passed['stock'] * 1000:>10.0f} ms{passed['ours'] * 1000:>10.0f} ms"
        f"{ratio:>8.2f}{cpu['ours'] / cpu['stock']:>10.2f}"
    )
    return ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"{'engine':<12}{'Django':>13}{'ours':>13}{'ratio':>8}{'CPU ratio':>10}")
    with tempfile.TemporaryDirectory() as folder:
        ratios = [
            compare("SQLite", f"sqlite:///{folder}/chat.sqlite3", rounds),
            compare("PostgreSQL", postgres.start(), rounds),
        ]
    print(f"bound: {BOUND}; {'kept' if max(ratios) <= BOUND else 'NOT kept'}")
    return 0 if max(ratios) <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
