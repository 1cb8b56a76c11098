"""More than one worker, and a worker that is told to stop."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.models import Reply
from tests.chat.generation.test_stream import say, wait_for
from tests.chat.provider_server import ProviderServer
from tests.factories import make_thread, make_user
from tests.site import Site, database_url


@pytest.fixture
def new_site(
    provider: ProviderServer, collected: Path, transactional_db: None, tmp_path: Path
) -> Iterator[Site]:
    site = Site(tmp_path / "log", {"STATIC_ROOT": str(collected)} | provider.environment, workers=2)
    site.start(database_url())
    yield site
    site.stop(seconds=60)


def test_reply_is_followed_and_stopped_from_every_worker(new_site: Site) -> None:
    alice = make_user()
    visitor = new_site.log_in(alice)
    thread = make_thread(alice)
    reply = say(visitor, thread, "Hello words=200 pause=0.05")
    # Enough readers for both workers to have some: the kernel hands out the connections.
    readers = [visitor.follow(reply.pk) for _ in range(6)]
    begun = [next(reader).data for reader in readers]
    assert all(words.startswith("word1 ") for words in begun)
    visitor.post(f"/replies/{reply.pk}/stop/")
    for words, reader in zip(begun, readers, strict=True):
        events = [event for event in reader if event.name != "title"]
        assert (events[-1].name, events[-1].data["status"]) == ("end", "stopped")
        answer = thread.messages.get(role="assistant").content
        # Who reads from the other worker may miss the last half second; the end brings it all.
        assert answer.startswith(words + "".join(event.data for event in events[:-1]))
        assert f"<p>{answer.strip()}</p>" in events[-1].data["html"]


def test_worker_that_is_told_to_stop_lets_replies_end(new_site: Site) -> None:
    alice = make_user()
    visitor = new_site.log_in(alice)
    threads = [make_thread(alice) for _ in range(4)]
    for thread in threads:
        say(visitor, thread, "Hello words=20 pause=0.1")
    assert new_site.process
    new_site.process.terminate()
    begin = time.monotonic()
    new_site.process.wait(30)
    assert time.monotonic() - begin < 20
    wait_for(lambda: not Reply.objects.in_flight().exists(), 5)
    assert set(Reply.objects.values_list("status", flat=True)) == {"complete"}
