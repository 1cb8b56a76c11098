"""Serve the site with gunicorn in its own process, and talk to it over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.db import connection
from django.test import Client

from chat.models import Reply
from tests.waiting import PATIENCE, wait_for
from threads.models import Thread
from users.models import User

ROOT = Path(__file__).parent.parent


def database_url() -> str:
    """Return the URL of the database that the tests of this process use."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listening_socket() -> socket.socket:
    """Return a socket that listens on a port of its own."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    return listener


@dataclass
class Site:
    """A gunicorn process. Its socket stays open during restarts, so no connection is refused."""

    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1
    access_log: str = os.devnull  # "" leaves it to gunicorn.conf.py
    files: int = 0  # how many files it may have open; 0 leaves the limit as it is
    folder: Path = ROOT  # of the code
    beside: Site | None = None  # whose socket it shares
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.socket: socket.socket = self.beside.socket if self.beside else listening_socket()
        self.port = int(self.socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Return the address of the site."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, database: str) -> None:
        """Start gunicorn on a database and wait until it responds."""
        command = [sys.executable, "-m", "gunicorn", "-b", f"fd://{self.socket.fileno()}"]
        command += ["-w", str(self.workers)]
        command += ["--access-logfile", self.access_log] if self.access_log else []
        command += ["--no-control-socket"]
        if self.files:
            command = ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(self.files), *command]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | {"DATABASE_URL": database} | dict(self.environment),
                pass_fds=[self.socket.fileno()],
                stdout=log,
                stderr=log,
            )
        wait_for(lambda: self._answers() or self.has_ended())
        if self.has_ended():
            raise RuntimeError(f"gunicorn did not start:\n{self.log.read_text()}")

    def _answers(self) -> bool:
        try:
            return self.get("/healthz", seconds=5)[0] == 200
        except OSError:
            return False

    def has_ended(self) -> bool:
        """Return whether gunicorn's process has ended."""
        return self.process is None or self.process.poll() is not None

    def worker_pids(self) -> list[int]:
        """Return the worker processes, without the master."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End gunicorn, and close the socket."""
        self.end(how)
        self.socket.close()

    def end(self, how: int = signal.SIGTERM) -> None:
        """End gunicorn, and leave the socket open."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)

    def log_in(self, user: User) -> Visitor:
        """Return a visitor with a session of `user`."""
        client = Client()
        client.force_login(user)
        return Visitor(self, client.cookies[settings.SESSION_COOKIE_NAME].value)

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, *, seconds: float = PATIENCE
    ) -> tuple[int, str]:
        """Return status and text of a page."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            line.request("GET", path, headers=dict(headers or {}))
            response = line.getresponse()
            return response.status, response.read().decode()
        finally:
            line.close()


@dataclass
class Visitor:
    """A client with a session."""

    site: Site
    session: str

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that a browser sends with each request."""
        token = "t" * 32
        return {
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={self.session}; csrftoken={token}",
            "X-CSRFToken": token,
            "HX-Request": "true",
        }

    def get(self, path: str) -> tuple[int, str]:
        """Return status and text of a page."""
        return self.site.get(path, self.headers)

    def post(self, path: str, **data: Any) -> tuple[int, str]:
        """Send a form; return the status and text of the response."""
        line = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=PATIENCE)
        try:
            headers = self.headers | {"Content-Type": "application/x-www-form-urlencoded"}
            line.request("POST", path, urlencode(data), headers)
            response = line.getresponse()
            return response.status, response.read().decode()
        finally:
            line.close()

    def send(self, thread: Thread, text: str, **fields: str) -> Reply:
        """Send a message, and return the reply to it, which has begun."""
        status, page = self.post(f"/threads/{thread.pk}/messages/", text=text, **fields)
        assert status == 200, page
        found = re.search(r'data-reply="([\w-]+)"', page)
        assert found, page
        return Reply.objects.get(pk=found[1])

    def read(
        self, reply: Reply, *, at: int = 0, on_first: Callable[[], None] | None = None
    ) -> tuple[str, str]:
        """Follow a reply to its end; return the words that were streamed, and its status.

        Args:
            reply: The reply.
            at: How many of its characters are not sent again.
            on_first: Called when the first words have come.
        """
        words = ""
        for event in self.follow(reply.pk, at=at):
            if event.name == "end":
                return words, event.data["status"]
            if on_first and not words:
                on_first()
            words += event.data
        return words, "no end"

    def follow(self, reply: object, *, at: int = 0) -> Iterator[Event]:
        """Yield the events of a reply until the server ends the stream."""
        line = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=PATIENCE)
        try:
            headers = self.headers | {"Last-Event-ID": str(at)}
            line.request("GET", f"/replies/{reply}/stream/", headers=headers)
            response = line.getresponse()
            assert response.status == 200, response.status
            lines: dict[str, str] = {}
            for raw in response:
                text = raw.decode().rstrip("\n")
                if text:
                    name, _, value = text.partition(": ")
                    lines[name] = value
                elif "data" in lines:
                    data = json.loads(lines["data"])
                    if lines.get("event") != "ping":
                        yield Event(lines.get("event", ""), data, int(lines.get("id", -1)))
                    lines = {}
        finally:
            line.close()


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    name: str
    data: Any
    key: int
