"""How fast is the API? `python -m benchmarks.api`

PostgreSQL holds one person with `--threads` threads of 40 messages each; one worker of gunicorn
serves the site. Beside each answer to a program with a key the table has a bare Django view that
returns the same bytes through the same worker. The limit for reading is twice the bare view.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import databases
from benchmarks.heavy_account import fill
from benchmarks.pages import (
    ROOT,
    Figures,
    Server,
    environment_of,
    measure,
    run,
    serve,
)

MAKE_KEY = """
import django; django.setup()
from api.keys import create_key
from users.models import User
person = User.objects.get(email="heavy@example.com")
print(create_key(user=person, name="benchmark", scope="everything")[1])
"""
LIMITS = {"API_CHATS_PER_MINUTE": "0"}
READS: dict[str, Callable[[str], str]] = {
    "list of threads": lambda thread: "/api/v2/threads",
    "page of messages": lambda thread: f"/api/v2/threads/{thread}/messages",
    "one thread": lambda thread: f"/api/v2/threads/{thread}",
    "personas": lambda thread: "/api/v2/personas",
    "models": lambda thread: "/v1/models",
}
POSTING = "posting"
LIMIT = 2.0


@dataclass
class Program(Server):
    """One worker, asked by a program with a key."""

    key: str = ""

    def ask(self, line: HTTPConnection, page: str, **headers: str) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body of an answer."""
        sent = {"Authorization": f"Bearer {self.key}"} | headers
        if page == POSTING:
            sent["Content-Type"] = "application/json"
            body = json.dumps({"text": "How much is due?"})
            line.request("POST", f"/api/v2/threads/{self.thread}/messages", body, sent)
        elif page.startswith("bare "):
            line.request("GET", f"/{page.replace(' ', '/', 1).replace(' ', '%20')}", headers=sent)
        else:
            line.request("GET", READS[page](self.thread), headers=sent)
        answer = line.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{page} answered {answer.status}: {content.decode()}")
        return dict(answer.getheaders()), content


def main() -> None:
    """Fill, ask, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    from tests import postgres

    url = postgres.start()
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_of(Path(folder), "new", url) | LIMITS
        run(ROOT, environment, "manage.py", "migrate", "-v0")
        thread = fill(url, options.threads, personas=12)
        key = run(ROOT, environment, "-c", MAKE_KEY).strip()
        with serve("new", ROOT, environment) as served:
            report(Program("new", served.port, thread=thread, key=key), options)


def report(server: Program, options: argparse.Namespace) -> None:
    """Measure every answer and the bare view beside it in turn, and print the figures."""
    rows = []
    for page in [*READS, POSTING]:
        found = {name: Figures() for name in (page, f"bare {page}")}
        for _ in range(options.rounds):
            for name, figures in found.items():
                measure(server, name, options.seconds, figures)
        own, bare = found.values()
        times = max(bare.rates[::2]) / max(own.rates[::2])
        rows += [[page, *own.cells(), f"{times:.1f}"], ["… bare view", *bare.cells(), ""]]
    head = ["answer", "1 client, /s", "8 clients, /s", "p95, ms", "bytes", "compressed", "queries"]
    head += ["SQL, ms", "templates, ms", "rest, ms", "times the bare view"]
    print(databases.table(head, rows))
    print(f"limit for reading: {LIMIT} times")


if __name__ == "__main__":
    main()
