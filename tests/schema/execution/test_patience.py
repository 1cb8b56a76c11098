"""--patience holds wherever a migration waits, and the end of it names what it waited for."""

import os
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from tests import postgres
from tests.schema.processes import run

pytestmark = pytest.mark.engines("postgresql", "older")


@pytest.fixture(scope="module")
def server() -> str:
    """Start a server that takes prepared transactions; return its URL."""
    settings = (*postgres.SETTINGS, "max_prepared_transactions=5")
    return postgres.start(os.environ["TEST_ENGINE"], settings=settings)


@pytest.fixture(scope="module")
def before_threads(server: str) -> str:
    """Make a database to copy, from before the threads, with messages; return its name."""
    name = "before_threads"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    url = on(server, name)
    for app, target in (("chat", "0001"), ("personas", "0002")):
        assert run(url, "migrate", app, target, "-v0") == (0, "", "")
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO users (email, name, password_hash) VALUES ('alice@example.com', '', '')"
        )
        connection.execute(
            "INSERT INTO chat_messages (user_id, role, content)"
            " SELECT id, 'user', 'hello' FROM users, generate_series(1, 50)"
        )
    return name


@pytest.fixture
def url(server: str, before_threads: str) -> Iterator[str]:
    """Copy the database from before the threads; return the copy's URL."""
    name = f"patience_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {before_threads}".encode())
        yield on(server, name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def on(server: str, database: str) -> str:
    return urlsplit(server)._replace(path=f"/{database}").geturl()


def test_an_index_build_behind_an_old_snapshot_gives_up(url: str) -> None:
    assert run(url, "migrate", "chat", "0003", "-v0") == (0, "", "")
    with psycopg.connect(url, application_name="a report") as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("SELECT count(*) FROM users")
        status, _, err = run(url, "migrate", "chat", "0004", "--patience", "1")
    assert status == 4
    assert "chat.0004_thread_index failed while applying it: " in err
    assert "It waited for backend " in err
    assert "a report, " in err
    with psycopg.connect(url) as connection:
        invalid = connection.execute("SELECT FROM pg_index WHERE NOT indisvalid").fetchall()
    assert invalid == []
    assert run(url, "migrate", "chat", "0004", "-v0") == (0, "", "")


@pytest.mark.parametrize("prepared", [False, True])
def test_a_batch_behind_a_locked_row_gives_up(url: str, prepared: bool) -> None:
    assert run(url, "migrate", "chat", "0002", "-v0") == (0, "", "")
    with psycopg.connect(url, application_name="an editor") as other:
        other.execute("SELECT FROM chat_messages LIMIT 1 FOR UPDATE")
        if prepared:
            other.execute("PREPARE TRANSACTION 'it''s mine'")
        status, out, err = run(url, "migrate", "chat", "0003", "--patience", "3")
        if prepared:
            other.rollback()
    if prepared:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("ROLLBACK PREPARED 'it''s mine'")
    assert status == 4
    blocker = "ROLLBACK PREPARED 'it''s mine'" if prepared else "an editor, "
    assert ("It waited for " in err, blocker in err, blocker in out) == (True, True, True)
    assert run(url, "migrate", "chat", "0003", "-v0") == (0, "", "")


def test_a_synchronous_standby_that_is_away_is_named(url: str, server: str) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'elsewhere'")
        name = urlsplit(url).path.removeprefix("/")
        admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = 'on'".encode())
        admin.execute("SELECT pg_reload_conf()")
        try:
            status, _, err = run(url, "migrate", "chat", "0002", "--patience", "1")
        finally:
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            admin.execute("SELECT pg_reload_conf()")
    assert status == 4
    assert err.splitlines()[0].startswith(
        "CommandError: No synchronous standby (elsewhere) confirms a commit"
    )
    with psycopg.connect(url) as connection:
        columns = connection.execute(
            "SELECT FROM information_schema.columns"
            " WHERE table_name = 'chat_messages' AND column_name = 'thread_id'"
        )
        assert columns.fetchall() == []
