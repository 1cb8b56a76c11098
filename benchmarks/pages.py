"""How fast are the pages? `python -m benchmarks.pages [--old REVISION]`

PostgreSQL holds one person with `--threads` threads of 40 formatted messages each. One worker of
gunicorn serves the site. Beside each page the table has a bare Django view that returns the same
bytes through the same worker, with every middleware but without a session. With `--old`, the
code of another revision answers in turn with this one, from a copy of the same database.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

import psycopg

from benchmarks import databases
from benchmarks.heavy_account import fill

ROOT = Path(__file__).parent.parent


@dataclass
class Figures:
    """What was measured of one page, or of the bare view beside it."""

    rates: list[float] = field(default_factory=list)
    p95: float = 0
    size: int = 0
    compressed: int = 0
    parts: list[float] = field(default_factory=list)

    def cells(self) -> list[str]:
        """Return the figures as text."""
        one, eight = (max(self.rates[first::2]) for first in (0, 1))
        cells = [f"{one:.0f}", f"{eight:.0f}", f"{self.p95:.0f}"]
        if not self.parts:
            return cells + [""] * 6
        queries, sql, templates, total = self.parts
        cells += [f"{self.size:,}", f"{self.compressed:,}", f"{queries:.0f}"]
        return cells + [f"{part:.1f}" for part in (sql, templates, total - sql - templates)]


@dataclass
class Server:
    """One worker that serves a revision."""

    name: str
    port: int
    session: str = ""
    thread: str = ""

    def ask(self, line: HTTPConnection, page: str, **headers: str) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body of a page."""
        cookies = f"sessionid={self.session}; csrftoken={'t' * 32}"
        sent = {"Cookie": cookies, "Accept-Encoding": "gzip, br"} | headers
        if page == "sending":
            form = urlencode({"text": "How much is due?", "csrfmiddlewaretoken": "t" * 32})
            sent |= {"HX-Request": "true", "Content-Type": "application/x-www-form-urlencoded"}
            line.request("POST", f"/threads/{self.thread}/messages/", form, sent)
        else:
            line.request("GET", self.path(page), headers=sent)
        answer = line.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{self.name}: {page} answered {answer.status}")
        return dict(answer.getheaders()), body

    def path(self, page: str) -> str:
        """Return the address of a page, or of the bare view beside it."""
        if page.startswith("bare "):
            return f"/{page.replace(' ', '/')}"
        return {
            "threads": "/threads/",
            "conversation": f"/threads/{self.thread}/",
            "search": "/search/?q=invoice",
            "personas": "/personas/",
        }[page]

    def rate(self, page: str, clients: int, seconds: float) -> list[float]:
        """Return how many milliseconds each answer took, asked for by `clients` at once."""
        times: list[float] = []
        end = time.perf_counter() + seconds

        def client() -> None:
            line = HTTPConnection("127.0.0.1", self.port, timeout=60)
            while (begin := time.perf_counter()) < end:
                self.ask(line, page)
                times.append((time.perf_counter() - begin) * 1000)
            line.close()

        threads = [threading.Thread(target=client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return times


PAGES = ["threads", "conversation", "search", "personas", "sending"]


def run(code: Path, environment: dict[str, str], *command: str) -> str:
    """Run a Python command beside a revision's code."""
    done = subprocess.run(
        [sys.executable, *command], cwd=code, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


LOG_IN = """
import django; django.setup()
from django.test import Client
from users.models import User
client = Client()
client.force_login(User.objects.get(email="heavy@example.com"))
print(client.cookies["sessionid"].value)
"""


@contextmanager
def serve(name: str, code: Path, environment: dict[str, str]) -> Iterator[Server]:
    """Serve a revision."""
    run(code, environment, "manage.py", "migrate", "-v0")
    run(code, environment, "manage.py", "collectstatic", "--noinput", "-v0")
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    command = [sys.executable, "-m", "gunicorn", "-b", f"fd://{listening.fileno()}"]
    command += ["--access-logfile", os.devnull, "--no-control-socket", "--log-level", "error"]
    process = subprocess.Popen(command, cwd=code, env=environment, pass_fds=[listening.fileno()])
    server = Server(name, listening.getsockname()[1])
    server.session = run(code, environment, "-c", LOG_IN).strip()
    try:
        yield server
    finally:
        process.terminate()
        process.wait()
        listening.close()


@contextmanager
def worktree(revision: str, folder: Path) -> Iterator[Path]:
    """Check out a revision."""
    code = folder / "old"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "-q", "--detach", str(code), revision], check=True)
    try:
        yield code
    finally:
        subprocess.run([*git, "remove", "--force", str(code)], check=True)


def measure(server: Server, page: str, seconds: float, figures: Figures) -> None:
    """Add one round of a page's figures."""
    line = HTTPConnection("127.0.0.1", server.port, timeout=60)
    if not page.startswith("bare"):
        _, body = server.ask(
            line, page, **{"X-Parts": "1", "X-Keep": page, "Accept-Encoding": "identity"}
        )
        figures.size = len(body)
        figures.compressed = len(server.ask(line, page)[1])
        parts = [
            [
                float(part)
                for part in server.ask(line, page, **{"X-Parts": "1"})[0]["X-Parts"].split()
            ]
            for _ in range(10)
        ]
        figures.parts = [databases.median(column) for column in zip(*parts, strict=True)]
    line.close()
    one = server.rate(page, 1, seconds)
    eight = server.rate(page, 8, seconds)
    figures.rates.append(len(one) / seconds)
    figures.rates.append(len(eight) / seconds)
    figures.p95 = databases.percentile(eight, 0.95)


def environment_of(folder: Path, name: str, url: str) -> dict[str, str]:
    """Return the environment of a server: the settings of production but for HTTPS."""
    probe = folder / "probe"
    probe.mkdir(exist_ok=True)
    shutil.copy(ROOT / "benchmarks/pages_probe.py", probe)
    return os.environ | {
        "DEBUG": "0",
        "HTTPS": "0",
        "SECRET_KEY": "benchmark" * 6,
        "ALLOWED_HOSTS": "*",
        "LOG_LEVEL": "ERROR",
        "DATABASE_URL": url,
        "STATIC_ROOT": str(folder / f"static-{name}"),
        "PYTHONPATH": f"{probe}:.",
        "DJANGO_SETTINGS_MODULE": "pages_probe",
        "OPENAI_BASE_URL": "",
    }


def main() -> None:
    """Fill, ask, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", metavar="REVISION", help="measure this revision too")
    parser.add_argument("--threads", type=int, default=1_000)
    parser.add_argument("--personas", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    from tests import postgres

    url = postgres.start()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        codes = {"new": ROOT}
        if options.old:
            codes = {"old": stack.enter_context(worktree(options.old, folder))} | codes
        first, *others = codes
        environments = {first: environment_of(folder, first, url)}
        run(codes[first], environments[first], "manage.py", "migrate", "-v0")
        thread = fill(url, options.threads, options.personas)
        for name in others:
            copy = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
            with psycopg.connect(databases_of(url), autocommit=True) as connection:
                source = urlsplit(url).path[1:]
                connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"'.encode())
            environments[name] = environment_of(folder, name, copy)
        servers = []
        for name, code in codes.items():
            server = stack.enter_context(serve(name, code, environments[name]))
            server.thread = thread
            servers.append(server)
        report(servers, options.seconds, options.rounds)


def databases_of(url: str) -> str:
    """Return the URL from which other databases are copied."""
    return urlunsplit(urlsplit(url)._replace(path="/postgres"))


def report(servers: list[Server], seconds: float, rounds: int) -> None:
    """Measure every page on every server in turn, and print the figures."""
    found: dict[tuple[str, str], Figures] = {}
    for page in PAGES:
        for each in (page, f"bare {page}"):
            for _ in range(rounds):
                for server in servers:
                    measure(server, each, seconds, found.setdefault((each, server.name), Figures()))
    head = ["page", "code", "1 client, /s", "8 clients, /s", "p95, ms", "bytes", "compressed"]
    head += ["queries", "SQL, ms", "templates, ms", "rest, ms"]
    rows = [[page, name, *figures.cells()] for (page, name), figures in found.items()]
    print(databases.table(head, rows))


if __name__ == "__main__":
    main()
