"""Kill the worker with kill -9 while replies stream, and check what is left.

`python -m tests.faults.killed_replies [--replies 50] [--rounds 5]` runs it at full size on a
PostgreSQL server of its own; tests/chat/generation/test_kills.py runs a few replies once.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

from django.db import connections

from chat.models import ChatMessage, Reply
from config import environment
from tests import postgres
from tests.chat.provider_server import ProviderServer
from tests.factories import make_user
from tests.site import Site, Visitor
from tests.waiting import wait_for
from threads.models import Thread
from users.models import User

ROOT = Path(__file__).parent.parent.parent


def kill_in_the_middle(
    site: Site, provider: ProviderServer, people: list[User], after: int
) -> dict[str, int]:
    """Start a reply for each person, kill the worker, and return how the replies ended.

    The worker is killed when `after` words of each reply have been sent. Half of them are in
    the database by then, the other half have just been sent.

    Raises:
        AssertionError: Something is lost, cut short beyond what was saved, or stuck.
    """
    threads = [Thread.objects.create(user=person, title="Plans") for person in people]
    visitors = {thread: site.log_in(thread.user) for thread in threads}
    (worker,) = site.worker_pids()
    texts = {thread: f"words={random.randint(3, 60)} hold=0" for thread in threads}
    senders = [
        threading.Thread(
            target=visitors[thread].post,
            args=(f"/threads/{thread.pk}/messages/",),
            kwargs={"text": text},
        )
        for thread, text in texts.items()
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    provider.release(after // 2)
    half = f"word{after // 2} " if after > 1 else ""
    in_flight = Reply.objects.in_flight().filter(thread__in=threads)
    wait_for(lambda: all(half in text for text in in_flight.values_list("text", flat=True)))
    provider.release(after)
    shown = dict(Reply.objects.filter(thread__in=threads).values_list("thread", "text"))
    os.kill(worker, signal.SIGKILL)
    wait_until_settled(threads)
    ends: Counter[str] = Counter()
    for thread, text in texts.items():
        assert [m.content for m in thread.messages.filter(role="user")] == [text]
        (reply,) = thread.replies.all()
        ends[reply.status] += 1
        whole = "".join(f"word{n} " for n in range(1, words_in(text) + 1))
        kept = reply.answer.content if reply.answer else ""
        if reply.status == Reply.Status.COMPLETE:
            assert kept == whole
        else:
            assert reply.status == Reply.Status.INTERRUPTED
            assert whole.startswith(kept)
            assert kept.startswith(shown[thread.pk])
        thread.refresh_from_db()
        assert thread.message_count == ChatMessage.objects.filter(thread=thread).count()
    go_on(visitors)
    return dict(ends)


def words_in(text: str) -> int:
    """Return how many words the script asks for."""
    found = re.search(r"words=(\d+)", text)
    return int(found[1]) if found else 0


def wait_until_settled(threads: list[Thread]) -> None:
    """Wait until no reply is in flight; nobody opens the threads meanwhile."""
    wait_for(lambda: not Reply.objects.in_flight().filter(thread__in=threads).exists())


def go_on(visitors: dict[Thread, Visitor]) -> None:
    """Ask for another reply in every thread, to show that none is stuck."""
    threads = list(visitors)
    for thread, visitor in visitors.items():
        thread.messages.filter(role="user").update(content="words=1")
        status, page = visitor.post(f"/threads/{thread.pk}/again/", voice="assistant")
        assert status == 200, page
    wait_until_settled(threads)
    for thread in threads:
        latest = thread.replies.latest("created_at")
        assert (latest.status, latest.answer and latest.answer.content) == ("complete", "word1 ")


def main() -> int:
    """Run the rounds and print how the replies ended."""
    options = argparse.ArgumentParser()
    options.add_argument("--replies", type=int, default=50)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    os.environ["DATABASE_URL"] = postgres.start()
    fresh = environment.database("DATABASE_URL", default="")
    connections["default"].close()
    del connections["default"]
    connections.settings["default"] = connections.configure_settings({"default": fresh})["default"]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STATIC_ROOT"] = folder
        for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, check=True)
        provider = ProviderServer()
        provider.start()
        site = Site(Path(folder) / "log", provider.environment)
        site.start(os.environ["DATABASE_URL"])
        try:
            for number in range(given.rounds):
                after = random.randint(0, 60)
                people = [make_user(f"alice{number}-{one}") for one in range(given.replies)]
                ends = kill_in_the_middle(site, provider, people, after)
                line = f"round {number + 1}: killed after {after} words, ended as {ends}\n"
                sys.stdout.write(line)
                sys.stdout.flush()
        finally:
            site.stop()
            provider.stop()
    sys.stdout.write("nothing lost, nothing stuck\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
