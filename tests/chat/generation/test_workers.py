"""More than one worker, and a worker that is told to stop."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from chat.models import Reply
from tests.chat.provider_server import ProviderServer
from tests.conftest import serve
from tests.factories import make_thread, make_user
from tests.site import Site
from tests.waiting import wait_for


@pytest.fixture
def new_site(
    site_environment: dict[str, str],
    transactional_db: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
) -> Iterator[Site]:
    with serve(tmp_path, site_environment, django_db_blocker, workers=2) as site:
        yield site


def test_reply_is_followed_and_stopped_from_every_worker(new_site: Site) -> None:
    alice = make_user()
    visitor = new_site.log_in(alice)
    thread = make_thread(alice)
    reply = visitor.send(thread, "Hello words=200 hold=3")
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


def test_worker_that_is_told_to_stop_lets_replies_end(
    new_site: Site, provider: ProviderServer
) -> None:
    alice = make_user()
    visitor = new_site.log_in(alice)
    threads = [make_thread(alice) for _ in range(4)]
    for thread in threads:
        visitor.send(thread, "Hello words=20 hold=3")
    assert new_site.process
    new_site.process.terminate()
    wait_for(lambda: "Handling signal: term" in new_site.log.read_text())
    provider.release()
    wait_for(new_site.has_ended)
    assert set(Reply.objects.values_list("status", flat=True)) == {"complete"}
