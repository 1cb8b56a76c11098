"""Replies while the database is away for some time.

Run it with TEST_ENGINE=postgresql pytest tests/faults/database_away.py
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from chat.models import Reply
from tests.chat.provider_server import ProviderServer
from tests.factories import make_thread, make_user
from tests.relay import Relay
from tests.site import Site, database_url
from tests.waiting import wait_for

pytestmark = pytest.mark.engines("postgresql")


@pytest.fixture
def relay(transactional_db: None) -> Iterator[Relay]:
    where = urlsplit(database_url())
    relay = Relay(where.hostname or "127.0.0.1", where.port or 5432)
    relay.start()
    yield relay
    relay.stop()


@pytest.fixture
def new_site(relay: Relay, site_environment: dict[str, str], tmp_path: Path) -> Iterator[Site]:
    """Serve the tests' database with two workers through a relay that can be cut."""
    site = Site(tmp_path / "log", site_environment, workers=2)
    where = urlsplit(database_url())
    user = where.netloc.rpartition("@")[0]
    site.start(urlunsplit(where._replace(netloc=f"{user}@127.0.0.1:{relay.port}")))
    yield site
    relay.restore()
    site.stop()


def test_no_word_is_lost_while_the_database_is_away(
    new_site: Site, relay: Relay, provider: ProviderServer
) -> None:
    in_flight = Reply.objects.in_flight()
    replies = []
    for person in (make_user(), make_user("bob")):
        visitor = new_site.log_in(person)
        for end in ("before", "while", "after"):
            text = f"words=60 hold=20 gate={end}"
            replies.append(visitor.send(make_thread(person), text))
    provider.release(gate="before")
    wait_for(lambda: in_flight.count() == 4)
    wait_for(lambda: all("word20 " in reply.text for reply in in_flight.all()))
    relay.cut()
    provider.release(gate="while")
    provider.release(40, gate="after")
    # Long enough for the replies to count as abandoned.
    wait_for(lambda: Reply.objects.abandoned().count() == 4)
    relay.restore()
    provider.release(gate="after")
    wait_for(lambda: not in_flight.exists())
    whole = "".join(f"word{number} " for number in range(1, 61))
    for reply in replies:
        reply.refresh_from_db()
        assert reply.answer
        assert (reply.status, reply.answer.content) == ("complete", whole)
