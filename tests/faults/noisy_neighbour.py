"""Measure how one person's abuse slows twenty others down.

    TEST_ENGINE=postgresql python -m tests.faults.noisy_neighbour [--seconds 30] [--people 20]

One worker serves people who read and write about once a second while one more person does
the same expensive thing again and again. The command prints the response times of the others
for each kind of abuse, with a control without any, and fails if their 95th percentile exceeds
the limit or a worker died. People and abuser come from different addresses.
"""

import argparse
import http.client
import io
import multiprocessing
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

from django.db import connections

from chat.models import ChatMessage
from config import environment
from tests import postgres
from tests.chat.provider_server import ProviderServer
from tests.factories import make_message, make_thread, make_user
from tests.site import Site, Visitor
from threads.models import Thread

ROOT = Path(__file__).parent.parent.parent
LIMIT_MS = 250
PEOPLE_ADDRESS, ABUSER_ADDRESS = "127.0.0.2", "127.0.0.3"
HISTORY = 20_000  # messages in the abuser's account
HALF_OPEN = 1_100  # connections
NUMBERS = count()
# Texts on which a lexer takes long.
CODE = {
    "make": "It was the best of times, it was the worst of times. " * 360,
    "java": "a " * 9_500,
    "ocaml": "0" * 19_000,
    "text": "(" * 5_000,
}
TABLE = "\n".join(
    ["|" + " head |" * 40, "|" + " --- |" * 40, *["|" + " cell **b** |" * 40 for _ in range(20)]]
)


@dataclass
class Client:
    """Somebody who is logged in, at an address."""

    visitor: Visitor
    thread: Thread
    address: str

    def request(self, method: str, path: str, body: bytes = b"", kind: str = "") -> bytes:
        """Send a request; return the body of the answer.

        Raises:
            AssertionError: The answer is an error of the server.
        """
        with self.connection() as line:
            headers = self.visitor.headers | ({"Content-Type": kind} if kind else {})
            line.request(method, path, body or None, headers)
            answer = line.getresponse()
            text = answer.read()
        assert answer.status < 500, (answer.status, path)
        return text

    def connection(self) -> "Connection":
        """Return a new connection from the client's address."""
        return Connection("127.0.0.1", self.visitor.site.port, self.address)

    def write(self, text: str) -> bytes:
        """Send a message to the thread."""
        body = urlencode({"text": text, "voice": "assistant"}).encode()
        path = f"/threads/{self.thread.pk}/messages/"
        return self.request("POST", path, body, "application/x-www-form-urlencoded")


class Connection(http.client.HTTPConnection):
    """A connection that closes itself."""

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=60, source_address=(address, 0))

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class Crowd:
    """The people who read and write, and how long each of their requests took."""

    clients: list[Client]
    milliseconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """Let everybody read and write for some seconds."""
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self._one, args=(one, until)) for one in self.clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _one(self, client: Client, until: float) -> None:
        page = f"/threads/{client.thread.pk}/"
        acts: list[Callable[[], object]] = [
            lambda: client.request("GET", page),
            lambda: client.request("GET", "/threads/"),
            lambda: client.request("GET", "/search/?q=hello"),
            lambda: client.write("Hello words=5"),
        ]
        while time.monotonic() < until:
            time.sleep(random.uniform(0.5, 1.5))
            begin = time.monotonic()
            try:
                random.choice(acts)()
            except (OSError, AssertionError, http.client.HTTPException) as error:
                self.failures.append(f"{type(error).__name__} {error}")
            self.milliseconds.append((time.monotonic() - begin) * 1000)


def highlight(client: Client) -> None:
    """View code that takes a lexer long, in a message that is new each time."""
    for language, code in CODE.items():
        content = f"{next(NUMBERS)}\n\n```{language}\n{code}\n```"
        make_message(client.thread, content, role="assistant")
    client.request("GET", f"/threads/{client.thread.pk}/")


def upload(client: Client) -> None:
    """Upload a small archive that unpacks to many values."""
    body = archive("[" + "[]," * 10_000_000 + "[]]")
    send_file(client, "conversations.zip", body)
    keys = ",".join(f'"{number}":0' for number in range(2_000_000))
    send_file(client, "conversations.json", f"{{{keys}}}".encode())


def archive(text: str) -> bytes:
    """Return a ZIP archive that holds one JSON file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("conversations.json", text)
    return file.getvalue()


def send_file(client: Client, name: str, data: bytes) -> None:
    """Upload a file to import."""
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + b"\r\n--x--\r\n"
    client.request("POST", "/import/upload/", body, "multipart/form-data; boundary=x")


def front_door(client: Client) -> None:
    """Open connections with half a request each, and send a body that nobody asked for."""
    port = client.visitor.site.port
    lines = []
    for _ in range(HALF_OPEN):
        with suppress(OSError):
            line = socket.create_connection(("127.0.0.1", port), 5, (client.address, 0))
            lines.append(line)
            line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ")
    with client.connection() as body, suppress(OSError, http.client.HTTPException):
        body.putrequest("POST", "/nosuch/")
        body.putheader("Content-Length", str(1_500_000_000))
        body.endheaders()
        for _ in range(1_500):
            body.send(b"x" * 1_000_000)
    time.sleep(5)
    for line in lines:
        line.close()


def download(client: Client) -> None:
    """Begin downloads and read nothing of them."""
    lines = []
    for _ in range(130):
        line = client.connection()
        lines.append(line)
        with suppress(OSError, http.client.HTTPException):
            line.request("GET", "/export/json/", headers=client.visitor.headers)
            line.getresponse().read(50)
    for line in lines:
        line.close()


def tables(client: Client) -> None:
    """View pages of wide tables, new each time."""
    for _ in range(5):
        make_message(client.thread, f"{next(NUMBERS)}\n\n{TABLE}\n\n{TABLE}", role="assistant")
    client.request("GET", f"/threads/{client.thread.pk}/")


ABUSES: dict[str, Callable[[Client], None]] = {
    "nothing (control)": lambda _: time.sleep(0.5),
    "code that takes a lexer long": highlight,
    "archives that unpack to millions": upload,
    "half requests and huge bodies": front_door,
    "downloads that nobody reads": download,
    "pages of wide tables": tables,
}


def measure(site: Site, abuse: Callable[[Client], None], people: int, seconds: float) -> Crowd:
    """Let people use the site beside an abuser; return their response times."""
    crowd = Crowd([new_client(site, "alice", PEOPLE_ADDRESS) for _ in range(people)])
    abuser = new_client(site, "mallory", ABUSER_ADDRESS)
    ChatMessage.objects.bulk_create(
        (
            ChatMessage(
                user=abuser.thread.user, thread=abuser.thread, role="user", content="word " * 40
            )
            for _ in range(HISTORY)
        ),
        batch_size=2000,
    )
    connections.close_all()
    # In a process of its own, so that it slows the site down and not the measurement.
    noise = multiprocessing.get_context("fork").Process(target=go_on, args=(abuse, abuser))
    noise.start()
    crowd.run(seconds)
    noise.terminate()
    noise.join()
    return crowd


def go_on(abuse: Callable[[Client], None], abuser: Client) -> None:
    """Do the same again and again until the process is ended."""
    while True:
        with suppress(OSError, AssertionError, http.client.HTTPException):
            abuse(abuser)


def new_client(site: Site, name: str, address: str) -> Client:
    """Return somebody new, with a thread."""
    person = make_user(f"{name}{next(NUMBERS)}")
    return Client(site.log_in(person), make_thread(person), address)


def main() -> int:
    """Measure each kind of abuse; return 1 if people were slowed down or a worker died."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.noisy_neighbour", description=__doc__
    )
    parser.add_argument("--seconds", type=float, default=30, help="for each kind (default: 30)")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--only", help="a part of the name of one kind of abuse")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    use_database(postgres.start())
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STATIC_ROOT"] = folder
        for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, check=True)
        provider = ProviderServer()
        provider.start()
        site = Site(Path(folder) / "log", provider.environment)
        site.start(os.environ["DATABASE_URL"])
        write(f"{'milliseconds':36} {'requests':>9} {'p50':>8} {'p95':>8} {'most':>8}  failed")
        try:
            for name, abuse in ABUSES.items():
                if options.only and options.only not in name and "control" not in name:
                    continue
                workers = site.worker_pids()
                crowd = measure(site, abuse, options.people, options.seconds)
                survived = site.worker_pids() == workers
                failed |= report(name, crowd, survived=survived)
        finally:
            site.stop()
            provider.stop()
    return 1 if failed else 0


def use_database(url: str) -> None:
    """Let Django use the database at `url`."""
    os.environ["DATABASE_URL"] = url
    fresh = environment.database("DATABASE_URL", default="")
    connections["default"].close()
    del connections["default"]
    connections.settings["default"] = connections.configure_settings({"default": fresh})["default"]


def report(name: str, crowd: Crowd, *, survived: bool) -> bool:
    """Print a row; return whether it shows a failure."""
    cuts = quantiles(crowd.milliseconds, n=100)
    numbers = f"{len(crowd.milliseconds):9} {cuts[49]:8.0f} {cuts[94]:8.0f}"
    most = max(crowd.milliseconds)
    died = "" if survived else "  A WORKER DIED"
    write(f"{name:36} {numbers} {most:8.0f}  {len(crowd.failures)}{died}")
    for failure in sorted(set(crowd.failures))[:5]:
        write(f"    {failure}")
    return cuts[94] > LIMIT_MS or bool(crowd.failures) or not survived


def write(line: str) -> None:
    """Write a line at once: a run takes minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
