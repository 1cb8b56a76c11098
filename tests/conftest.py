"""Fixtures for every room."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.hashers import get_hashers
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import DjangoDbBlocker

from config import environment
from tests.chat.provider_server import ProviderServer
from tests.engine import VENDOR, url
from tests.site import Site, database_url

ROOT = Path(__file__).parent.parent

# The machine may be busy: no test is about how long something takes.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@dataclass(frozen=True)
class Database:
    """An empty database: `alias` for Django in this process, `url` for another process."""

    alias: str
    url: str

    @property
    def connection(self) -> BaseDatabaseWrapper:
        """Return Django's connection to it."""
        return connections[self.alias]


@pytest.fixture(scope="session")
def migrated_template(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Database]:
    """Make one migrated database to copy: to migrate takes seconds, to copy a tenth of one."""
    folder = tmp_path_factory.mktemp("template")
    with django_db_blocker.unblock(), new_database(folder) as database:
        call_command("migrate", database=database.alias, verbosity=0)
        database.connection.close()
        yield database


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Use the test database as `django_db_modify_db_settings` made it."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    migrated_template: Database, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[None]:
    """Give each worker a test database of its own; SQLite's is a file, as in production."""
    name = f"test_twinthread_{worker_id}"
    if VENDOR == "sqlite":
        name = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
        shutil.copyfile(str(migrated_template.connection.settings_dict["NAME"]), name)
    else:
        _on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        _on_server(f'CREATE DATABASE "{name}" TEMPLATE "{migrated_template.alias}"')
    settings.DATABASES["default"]["TEST"]["NAME"] = name
    # Threads that a view leaves behind must not keep the database from being dropped.
    settings.DATABASES["default"]["CONN_MAX_AGE"] = 0
    yield
    if VENDOR == "postgresql":
        _on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session", autouse=True)
def static_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Serve static files by their plain names: no test needs them collected."""
    settings.STATIC_ROOT = tmp_path_factory.mktemp("static")
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> None:
    """Hash passwords quickly; a good hash takes its time."""
    _, *others = settings.PASSWORD_HASHERS
    settings.PASSWORD_HASHERS = ["tests.hashers.QuickArgon2PasswordHasher", *others]
    get_hashers.cache_clear()  # type: ignore[attr-defined]  # missing in django-stubs


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collect the static files as a deployment does."""
    folder = tmp_path_factory.mktemp("collected")
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"],
        cwd=ROOT,
        env=os.environ | {"STATIC_ROOT": str(folder)},
        check=True,
    )
    return folder


@pytest.fixture(scope="session")
def provider() -> Iterator[ProviderServer]:
    """Start a model server whose replies go as the last message asks."""
    server = ProviderServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def closed_gates(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the replies that a test left waiting end, and close the gates for the next test."""
    yield
    if "provider" in request.fixturenames:
        request.getfixturevalue("provider").reset()


@pytest.fixture(scope="session")
def site_environment(provider: ProviderServer, collected: Path) -> dict[str, str]:
    """Return the environment of a served site: its model server and its static files."""
    return {"STATIC_ROOT": str(collected)} | provider.environment


@contextmanager
def serve(
    folder: Path, environment: dict[str, str], blocker: DjangoDbBlocker, *, workers: int = 1
) -> Iterator[Site]:
    """Serve the tests' database."""
    site = Site(folder / "log", environment, workers=workers)
    with blocker.unblock():
        site.start(database_url())
    yield site
    site.stop()


@pytest.fixture(scope="session")
def served_site(
    site_environment: dict[str, str],
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """Serve the tests' database once for all tests."""
    with serve(tmp_path_factory.mktemp("site"), site_environment, django_db_blocker) as site:
        yield site


@pytest.fixture
def site(served_site: Site, transactional_db: None) -> Site:
    """Return the served site, with an empty database; the test commits what it writes."""
    return served_site


@pytest.fixture(scope="session")
def served_impatient_site(
    site_environment: dict[str, str],
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """Serve a site that gives up a silent model server after two seconds."""
    environment = site_environment | {"OPENAI_TIMEOUT": "2"}
    with serve(tmp_path_factory.mktemp("impatient"), environment, django_db_blocker) as site:
        yield site


@pytest.fixture
def impatient_site(served_impatient_site: Site, transactional_db: None) -> Site:
    """Return the site that gives up soon, with an empty database."""
    return served_impatient_site


@pytest.fixture
def vendor() -> str:
    """Return the engine at hand: "postgresql" or "sqlite"."""
    return VENDOR


@pytest.fixture
def empty_database(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Database]:
    """Make a database with nothing in it, known to Django by an alias, and drop it after."""
    with django_db_blocker.unblock(), new_database(tmp_path) as database:
        yield database


@contextmanager
def new_database(folder: Path, template: Database | None = None) -> Iterator[Database]:
    """Make an empty database, or a copy of `template`, to which nobody may be connected."""
    name = f"empty_{uuid.uuid4().hex}"
    if VENDOR == "sqlite":
        file = folder / f"{name}.sqlite3"
        new_url = f"sqlite:///{file}"
        if template is not None:
            shutil.copyfile(str(template.connection.settings_dict["NAME"]), file)
    else:
        new_url = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        source = f' TEMPLATE "{template.alias}"' if template is not None else ""
        _on_server(f'CREATE DATABASE "{name}"{source}')
    database = Database(name, new_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMPTY_DATABASE_URL", new_url)
        fresh = environment.database("EMPTY_DATABASE_URL", default="")
    # Django fills in what a settings dictionary leaves out when it is first read.
    connections.settings[name] = connections.configure_settings({"default": fresh})["default"]
    try:
        yield database
    finally:
        database.connection.close()
        del connections[name], connections.settings[name]
        if VENDOR == "postgresql":
            _on_server(f'DROP DATABASE "{name}" WITH (FORCE)')


def _on_server(statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
