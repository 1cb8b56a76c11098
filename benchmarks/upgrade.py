"""Upgrade a hand-migrated database while people use it: `python -m benchmarks.upgrade`.

Three ways from the same data, a database stuck after schema_v2.sql: the hand-run SQL with
its fault repaired, one transaction a file; `manage.py migrate` to the newest migration; and
one CREATE TABLE AS, the least that anybody could do. During each, 4 writers and 4 readers do
what the old backend does. Before and after, the same people alone show what the machine itself
adds. With --delay, `migrate` runs once more over a relay that delays bytes that many milliseconds
each way. A second table shows where the time of `migrate` went.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from benchmarks.databases import percentile
from benchmarks.hand_migrated import MESSAGES_A_USER, MULTI_PERSONA, REWRITE, ROWS, STUCK, THREADING
from benchmarks.upgrade_tables import printed, stages
from tests import postgres
from tests.relay import Relay

ROOT = Path(__file__).parent.parent
# A small server of a host that manages it, durable as such are. All else is the default.
SETTINGS = (
    "listen_addresses=127.0.0.1",
    "shared_buffers=1GB",
    "effective_cache_size=4GB",
    "maintenance_work_mem=256MB",
    "max_wal_size=4GB",
)
WRITERS = READERS = 4
NOT_PRINTED = {"write", "read", "output", "seconds", "messages_a_second", "way", "stages"}
ALONE_SECONDS = 10
VACUUM_SECONDS = 240
"""How long autovacuum may take to come by: it looks once a minute."""

STAGES = """
    SELECT json_object_agg(app || '.' || name, extract(epoch FROM finished_at - started_at))
    FROM schema_migration_runs
"""


@dataclass
class Result:
    """Measure what one way costs, and who waits."""

    way: str
    messages: int
    seconds: float = 0.0
    operations: list[tuple[str, float, float]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: str) -> dict[str, Any]:
        """Return what the readers or writers waited, in milliseconds."""
        waits = [took * 1000 for one, _, took in self.operations if one == kind]
        worst = sorted(self.operations, key=lambda one: -one[2] * (one[0] == kind))[:5]
        return {
            "operations": len(waits),
            "p50": round(percentile(waits, 0.5), 1) if waits else None,
            "p99": round(percentile(waits, 0.99), 1) if waits else None,
            "p99.9": round(percentile(waits, 0.999), 1) if waits else None,
            "longest": round(max(waits), 1) if waits else None,
            "longest_at": [[round(at, 2), round(took * 1000, 1)] for _, at, took in worst],
        }

    def report(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            "way": self.way,
            "seconds": round(self.seconds, 2),
            "messages_a_second": round(self.messages / self.seconds) if self.seconds else None,
            "write": self.of("write"),
            "read": self.of("read"),
            **self.figures,
        }


class Server:
    """A server with the hand-migrated database, and copies of it."""

    def __init__(self, messages: int) -> None:
        """Start it and fill the database."""
        self.url = postgres.start(settings=SETTINGS)
        self.run("postgres", "CREATE DATABASE hand_migrated")
        users = max(messages // MESSAGES_A_USER, 20)
        self.run("hand_migrated", STUCK, ROWS.format(users=users, messages=messages))
        self.run("hand_migrated", "VACUUM ANALYZE")

    def named(self, database: str) -> str:
        """Return the URL of one database."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    def run(self, database: str, *scripts: str) -> None:
        """Run scripts, each sent as one."""
        with psycopg.connect(self.named(database), autocommit=True) as connection:
            for script in scripts:
                connection.execute(script.encode())

    def value(self, database: str, query: str) -> Any:
        """Return the one value that `query` finds."""
        with psycopg.connect(self.named(database), autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row and row[0]

    @contextmanager
    def copy(self, name: str) -> Any:
        """Give a copy of the hand-migrated database, read once so that it is in memory."""
        self.run("postgres", f"CREATE DATABASE {name} TEMPLATE hand_migrated STRATEGY file_copy")
        self.run(name, "SELECT count(content) FROM chat_messages", "CHECKPOINT")
        yield self.named(name)
        self.run("postgres", f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def people(url: str, result: Result, rate: float) -> Any:
    """Let people work meanwhile, and note how they fared."""
    command = [sys.executable, "-m", "benchmarks.people", url, str(WRITERS), str(READERS)]
    process = subprocess.Popen(
        [*command, str(rate)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    time.sleep(1)  # let them log in
    begin = time.monotonic()
    yield
    result.seconds = time.monotonic() - begin
    time.sleep(1)  # whoever still waits is let in
    said, _ = process.communicate("")
    result.operations = [(kind, at - 1, took) for kind, at, took in json.loads(said)]


def manage(url: str, *arguments: str) -> tuple[int, str, float]:
    """Run manage.py; return its status, what it said and its memory at the highest, in MB."""
    environment = os.environ | {"DATABASE_URL": url, "DEBUG": "1", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, said, usage.ru_maxrss / 1024


def upgrade(
    server: Server, messages: int, rate: float, *, wait: bool, delay: float = 0.0
) -> Result:
    """Measure `migrate`, whose bytes take `delay` milliseconds each way."""
    far = f" over {2 * delay:g} ms" if delay else ""
    result = Result(f"migrate{far}", messages)
    host, port = urlsplit(server.url).hostname or "", urlsplit(server.url).port or 0
    relay = Relay(host, port, delay=delay / 1000)
    relay.start()
    with server.copy("migrated") as url:
        size = "SELECT pg_total_relation_size('chat_messages')"
        before = server.value("migrated", size)
        over = url.replace(f":{port}/", f":{relay.port}/") if delay else url
        with people(url, result, rate):
            status, said, memory = manage(over, "migrate", "--noinput")
        relay.stop()
        if status:
            raise RuntimeError(said)
        dead = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'chat_messages'"
        checked, findings, _ = manage(url, "verify", "--data")
        result.figures |= {
            "memory_mb": round(memory, 1),
            "without_thread": server.value(
                "migrated", "SELECT count(*) FROM chat_messages WHERE thread_id IS NULL"
            ),
            "verify_status": checked,
            "verify": findings.strip().splitlines()[-3:],
            "megabytes_before": round(before / 2**20),
            "megabytes_after": round(server.value("migrated", size) / 2**20),
            "dead_rows": server.value("migrated", dead),
            "stages": server.value("migrated", STAGES),
            "output": said.splitlines(),
        }
        begin = time.monotonic()
        while wait and time.monotonic() - begin < VACUUM_SECONDS:
            result.figures["dead_rows_later"] = server.value("migrated", dead)
            if result.figures["dead_rows_later"] < messages // 10:
                break
            time.sleep(1)
    return result


def by_hand(server: Server, messages: int, rate: float) -> Result:
    """Measure the hand-run SQL."""
    result = Result("one transaction", messages)
    with server.copy("by_hand") as url:
        with people(url, result, rate):
            server.run("by_hand", MULTI_PERSONA, THREADING)
        result.figures["without_thread"] = server.value(
            "by_hand", "SELECT count(*) FROM chat_messages WHERE thread_id IS NULL"
        )
    return result


def rewrite(server: Server, messages: int, rate: float) -> Result:
    """Measure one CREATE TABLE AS."""
    result = Result("create table as", messages)
    with server.copy("rewritten") as url, people(url, result, rate):
        server.run("rewritten", REWRITE)
    return result


def alone(server: Server, messages: int, rate: float, when: str) -> Result:
    """Measure the people with nothing else going on."""
    result = Result(f"nothing, {when}", messages)
    with server.copy("alone") as url, people(url, result, rate):
        time.sleep(ALONE_SECONDS)
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=25, help="operations a second and person")
    parser.add_argument(
        "--delay", type=float, action="append", default=[], help="ms each way, once more"
    )
    parser.add_argument("--only", choices=["migrate"], help="leave the other ways out")
    parser.add_argument("--no-vacuum", action="store_true", help="do not wait for autovacuum")
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    size, rate = options.messages, options.rate
    server = Server(size)
    ways: list[Callable[[], Result]] = [
        lambda: alone(server, size, rate, "before"),
        lambda: by_hand(server, size, rate),
        lambda: rewrite(server, size, rate),
    ]
    upgrades: list[Callable[[], Result]] = [
        lambda delay=delay: upgrade(  # type: ignore[misc]  # a default keeps the value
            server, size, rate, wait=not options.no_vacuum, delay=delay
        )
        for delay in [0.0, *options.delay]
    ]
    after = [lambda: alone(server, size, rate, "after")]
    chosen = upgrades if options.only else [*ways, *upgrades, *after]
    reports = [way().report() for way in chosen]
    if options.as_json:
        print(json.dumps({"messages": size, "rate": rate, "ways": reports}, indent=2))
        return
    where = f"{postgres.describe(server.url)}, {os.cpu_count()} cores"
    who = f"{WRITERS} writers and {READERS} readers, {rate:g} operations a second each"
    print(f"{size:,} messages, {where}, {who}\n")
    print(printed(reports))
    print(f"\n{stages(reports)}")
    for one in reports:
        if "stages" in one:
            print(f"\n{one['way']}")
            for name in sorted(one.keys() - NOT_PRINTED):
                print(f"{name.replace('_', ' ')}: {one[name]}")


if __name__ == "__main__":
    main()
