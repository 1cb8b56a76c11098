"""How soon are a reply's words on the line, with 500 replies streaming through one worker?

`python -m benchmarks.streams [--replies 500] [--rate 25] [--pause 0.5]`

The model's server, gunicorn, PostgreSQL and the readers are processes of their own. Each word
is the time at which the model's server sent it, so a reader knows how long it took. The noise
floor is the same measurement of the model's server itself, read without the site in between,
while all replies stream.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode, urlsplit

from benchmarks.processes import memory, processor_seconds

ROOT = Path(__file__).parent.parent
FIRST_WORD_SECONDS = 1.0  # what a model takes to begin
LIMIT_MS = 150


@dataclass
class Seen:
    """What one reader saw."""

    first_ms: float = -1.0
    later_ms: list[float] = field(default_factory=list)
    words: int = 0
    status: str = "never ended"
    waited_ms: float = 0.0  # for the answer to the message


def main() -> int:
    """Measure, print, and return 1 if something was lost or late."""
    options = argparse.ArgumentParser()
    options.add_argument("--replies", type=int, default=500)
    options.add_argument("--rate", type=float, default=25, help="messages sent a second")
    options.add_argument("--pause", type=float, default=0.5, help="seconds between two words")
    options.add_argument("--tail", type=float, default=10, help="seconds that all stream")
    given = options.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    if "DATABASE_URL" not in os.environ:
        from tests import postgres

        os.environ["DATABASE_URL"] = postgres.start()
    os.environ |= {"DEBUG": "0", "HTTPS": "0", "SECRET_KEY": "bench", "ALLOWED_HOSTS": "*"}
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ["LOG_LEVEL"] = "ERROR"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STATIC_ROOT"] = folder
        return measure(given, Path(folder))


def measure(given: argparse.Namespace, folder: Path) -> int:
    """Set the stage, run the readers, and look at what is left."""
    for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"]):
        subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    import django

    django.setup()
    from chat.replies import MAX_IN_FLIGHT
    from tests.factories import make_user
    from tests.site import Site
    from threads.models import Thread

    provider = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.paced_provider"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    provider_url = provider.stdout.readline().strip() if provider.stdout else ""
    site = Site(
        folder / "log",
        {"OPENAI_BASE_URL": provider_url, "OPENAI_MODEL": "small-model", "OPENAI_TIMEOUT": "60"},
    )
    # A person may have a few replies in flight only.
    count = math.ceil(given.replies / MAX_IN_FLIGHT)
    people = [make_user(f"bench-{time.time_ns()}") for _ in range(count)]
    threads = Thread.objects.bulk_create(
        Thread(user=people[number % count], title=f"Thread {number}")
        for number in range(given.replies)
    )
    try:
        site.start(os.environ["DATABASE_URL"])
        headers = {person.pk: site.log_in(person).headers for person in people}
        words = int((given.replies / given.rate + given.tail) / given.pause)
        run = Run(site.port, provider_url, given, words)
        worker = site.worker_pids()[0]
        idle = memory(worker)
        begin = time.monotonic()
        conversations = [(str(thread.pk), headers[thread.user_id]) for thread in threads]
        asyncio.run(run.all(conversations, worker))
        seconds = time.monotonic() - begin
        return report(run, given, idle=idle, seconds=seconds, worker=worker)
    finally:
        site.stop()
        provider.kill()
        provider.wait()


@dataclass
class Run:
    """The readers, and what is watched while they read."""

    port: int
    provider: str
    given: argparse.Namespace
    words: int
    seen: list[Seen] = field(default_factory=list)
    floor_ms: list[float] = field(default_factory=list)
    streaming: int = 0
    most_streaming: int = 0
    most_memory: float = 0.0
    most_connections: int = 0

    async def all(self, conversations: list[tuple[str, dict[str, str]]], worker: int) -> None:
        """Send all messages, one after the other at the given rate, and read all replies."""
        watch = asyncio.create_task(self.watch(worker))
        floor = asyncio.create_task(self.floor())
        tasks = []
        begin = time.monotonic()
        for number, (thread, headers) in enumerate(conversations):
            await asyncio.sleep(max(0.0, begin + number / self.given.rate - time.monotonic()))
            tasks.append(asyncio.create_task(self.one(thread, headers)))
        self.seen = await asyncio.gather(*tasks)
        for task in (watch, floor):
            task.cancel()
        await asyncio.gather(watch, floor, return_exceptions=True)

    def script(self) -> str:
        """Return the words that tell the model's server what to do."""
        pause = self.given.pause
        return f"words={self.words} pause={pause} wait={FIRST_WORD_SECONDS}"

    async def one(self, thread: str, headers: dict[str, str]) -> Seen:
        """Send a message and read the reply to its end."""
        seen = Seen()
        begin = time.time()
        body = urlencode({"text": self.script(), "voice": "assistant"})
        page = await self.request(headers, "POST", f"/threads/{thread}/messages/", body)
        seen.waited_ms = (time.time() - begin) * 1000
        path = page.partition('data-stream="')[2].partition('"')[0]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(self.head(headers, "GET", path))
        self.streaming += 1
        self.most_streaming = max(self.most_streaming, self.streaming)
        name = ""
        try:
            while line := await reader.readline():
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                elif line.startswith(b"data: "):
                    data = json.loads(line[6:])
                    if name == "end":
                        seen.status = data["status"]
                        break
                    if name != "ping":
                        self.take(seen, data)
                    name = ""
        finally:
            self.streaming -= 1
            writer.close()
        return seen

    @staticmethod
    def take(seen: Seen, words: str) -> None:
        """Note how long words took; of words that came together, all of them."""
        now = time.time()
        for word in words.split():
            taken = (now - float(word)) * 1000
            if seen.words == 0:
                seen.first_ms = taken
            else:
                seen.later_ms.append(taken)
            seen.words += 1

    async def floor(self) -> None:
        """Read from the model's server directly, again and again."""
        where = urlsplit(self.provider)
        ask = {"model": "m", "stream": True}
        content = f"words=5 pause={self.given.pause}"
        body = json.dumps(ask | {"messages": [{"role": "user", "content": content}]}).encode()
        while True:
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            while b"[DONE]" not in (line := await reader.readline()):
                if line.startswith(b"data: "):
                    choices = json.loads(line[6:])["choices"]
                    if choices and (word := choices[0]["delta"].get("content")):
                        self.floor_ms.append((time.time() - float(word)) * 1000)
            writer.close()

    async def watch(self, worker: int) -> None:
        """Look at the worker's memory and the database's connections once a second."""
        import psycopg

        url = os.environ["DATABASE_URL"]
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as line:
            while True:
                self.most_memory = max(self.most_memory, memory(worker))
                found = await line.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                ((connections,),) = await found.fetchall()
                # One of them is this process's own, which made the threads.
                self.most_connections = max(self.most_connections, connections - 1)
                await asyncio.sleep(1)

    async def request(self, headers: dict[str, str], method: str, path: str, body: str) -> str:
        """Send one request and return the body of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(self.head(headers, method, path, body))
        answer = (await reader.read()).decode()
        writer.close()
        if " 200 " not in answer[:20]:
            raise RuntimeError(answer[:300])
        return answer

    def head(self, headers: dict[str, str], method: str, path: str, body: str = "") -> bytes:
        """Return a request."""
        fields = headers | {"Host": "localhost", "Connection": "close"}
        if body:
            fields |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Content-Length": str(len(body)),
            }
        lines = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n{body}".encode()


def report(run: Run, given: argparse.Namespace, *, idle: float, seconds: float, worker: int) -> int:
    """Print the table; return 1 if something was lost or late."""
    from chat.models import ChatMessage, Reply

    kept = ChatMessage.objects.filter(role="assistant", user__email__startswith="bench-")
    whole = sum(len(text.split()) == run.words for text in kept.values_list("content", flat=True))
    complete = Reply.objects.filter(status="complete").count()
    read = sum(seen.words == run.words and seen.status == "complete" for seen in run.seen)
    first = sorted(seen.first_ms for seen in run.seen)
    later = sorted(taken for seen in run.seen for taken in seen.later_ms)
    waited = sorted(seen.waited_ms for seen in run.seen)
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{given.replies} replies of {run.words} words, one every {given.pause} s each;")
    print(f"messages sent at {given.rate}/s; {seconds:.0f} s; {cores} cores, load {load:.1f}\n")
    print(f"{'milliseconds':34}{'p50':>8}{'p95':>8}{'p99':>8}{'most':>8}")
    for name, found in (
        ("first words, sent to read", first),
        ("later words, sent to read", later),
        ("noise floor (no site between)", sorted(run.floor_ms)),
        ("answer to the message itself", waited),
    ):
        p = quantiles(found, n=100)
        print(f"{name:34}{p[49]:8.1f}{p[94]:8.1f}{p[98]:8.1f}{found[-1]:8.1f}")
    print(f"\nstreaming at once, at most      {run.most_streaming}")
    print(f"read whole by their readers     {read} of {given.replies}")
    print(f"complete in the database        {complete}, {whole} with every word")
    print(f"worker's memory                 {idle:.0f} MB idle, {run.most_memory:.0f} MB at most")
    used, waited_for = processor_seconds(worker)
    print(f"worker's processor time         {used:.1f} s ({used / seconds:.0%} of a core)")
    print(f"  and waiting for a processor   {waited_for:.1f} s, by all its threads")
    print(f"database connections, at most   {run.most_connections}")
    p95 = quantiles(first, n=100)[94]
    good = read == whole == given.replies and p95 <= LIMIT_MS
    print(f"\n{'ok' if good else 'NOT OK'}: first words p95 {p95:.0f} ms, limit {LIMIT_MS} ms")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
