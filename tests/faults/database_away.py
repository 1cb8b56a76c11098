"""Replies whose database is away for a while in the middle.

TEST_ENGINE=postgresql pytest tests/faults/database_away.py
"""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from chat.models import Reply
from chat.querysets import ABANDONED_AFTER
from tests.chat.generation.test_stream import say, wait_for
from tests.chat.provider_server import ProviderServer
from tests.factories import make_thread, make_user
from tests.relay import Relay
from tests.site import Site, database_url

pytestmark = pytest.mark.postgresql
AWAY_SECONDS = ABANDONED_AFTER.total_seconds() + 3


@pytest.fixture
def relay(transactional_db: None) -> Iterator[Relay]:
    where = urlsplit(database_url())
    relay = Relay(where.hostname or "127.0.0.1", where.port or 5432)
    relay.start()
    yield relay
    relay.stop()


@pytest.fixture
def new_site(
    relay: Relay, provider: ProviderServer, collected: Path, tmp_path: Path
) -> Iterator[Site]:
    """Serve the tests' database with two workers, by a way that can be cut."""
    environment = {"STATIC_ROOT": str(collected)} | provider.environment
    site = Site(tmp_path / "log", environment, workers=2)
    where = urlsplit(database_url())
    user = where.netloc.rpartition("@")[0]
    site.start(urlunsplit(where._replace(netloc=f"{user}@127.0.0.1:{relay.port}")))
    yield site
    relay.mend()
    site.stop(seconds=60)


def test_no_word_is_lost_while_the_database_is_away(new_site: Site, relay: Relay) -> None:
    alice = make_user()
    visitor = new_site.log_in(alice)
    lengths = [10, 60, 110, 200] * 2  # words: some end before, some while it is away, some after
    replies = [say(visitor, make_thread(alice), f"words={words} pause=0.1") for words in lengths]
    time.sleep(2)
    relay.cut()
    time.sleep(AWAY_SECONDS)
    assert Reply.objects.in_flight().count() >= 6
    relay.mend()
    wait_for(lambda: not Reply.objects.in_flight().exists(), 60)
    for words, reply in zip(lengths, replies, strict=True):
        reply.refresh_from_db()
        assert reply.answer
        whole = "".join(f"word{number} " for number in range(1, words + 1))
        assert (reply.status, reply.answer.content) == ("complete", whole)
