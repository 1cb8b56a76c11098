"""Fixtures for conversations: the site, talking to a model's server that follows a script."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.chat.provider_server import ProviderServer
from tests.site import Site, database_url


@pytest.fixture(scope="session")
def served(
    provider: ProviderServer,
    collected: Path,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """Serve the tests' database; the tests that use it commit what they write."""
    log = tmp_path_factory.mktemp("site") / "log"
    site = Site(log, {"STATIC_ROOT": str(collected)} | provider.environment)
    with django_db_blocker.unblock():
        site.start(database_url())
    yield site
    site.stop(seconds=60)


@pytest.fixture
def site(served: Site, transactional_db: None) -> Site:
    """Return the served site, with an empty database."""
    return served
