"""`migrate` behind a real pgbouncer."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.management import call_command

from tests.conftest import Database
from tests.schema.processes import run
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(
        shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin") is None,
        reason="pgbouncer is not installed on this machine (Debian: apt install pgbouncer)",
    ),
    pytest.mark.engines("postgresql"),
]

Pooled = Callable[[str], str]


def accepts_connections(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def pooled(empty_database: Database) -> Iterator[Pooled]:
    """Return how to start pgbouncer in a pool mode; that returns the URL through it."""
    parts = urlsplit(empty_database.url)
    bouncers: list[subprocess.Popen[bytes]] = []
    folder = Path(tempfile.mkdtemp(prefix="twinthread-pgbouncer-"))
    folder.chmod(0o755)  # for a user without rights to read

    def start(mode: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (folder / "users").write_text(f'"{parts.username}" "{parts.password or ""}"\n')
        server = f"host={parts.hostname} port={parts.port} user={parts.username}"
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
            f"auth_file = {folder}/users\npool_mode = {mode}\n"
        )
        command = [
            str(shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")),
            f"{folder}/pgbouncer.ini",
        ]
        # It refuses to run as root, as the server does.
        user = "nobody" if os.geteuid() == 0 else None
        bouncers.append(
            subprocess.Popen(
                command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
        url = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}"))
        wait_for(lambda: accepts_connections(url))
        return url

    yield start
    for bouncer in bouncers:
        bouncer.terminate()
        bouncer.wait(10)
    shutil.rmtree(folder)


def test_migrate_refuses_a_transaction_pool(pooled: Pooled, empty_database: Database) -> None:
    status, out, err = run(pooled("transaction"), "migrate")
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        "CommandError: The database is reached through a pooler that lends its sessions to others"
        " between two transactions (pgbouncer's pool_mode = transaction): a lock held there"
        " protects nothing.",
        "Nothing was changed. Set DATABASE_DIRECT_URL to the server itself; only migrate uses it.",
    ]
    assert empty_database.connection.introspection.table_names() == []


def test_migrate_goes_around_a_transaction_pool(pooled: Pooled, empty_database: Database) -> None:
    url = pooled("transaction")
    status, out, err = run(url, "migrate", "schema", DATABASE_DIRECT_URL=empty_database.url)
    assert (status, err) == (0, "")
    assert out.startswith(
        "DATABASE_URL goes through a pooler: migrating over DATABASE_DIRECT_URL.\n"
    )
    assert "applied schema.0001_initial" in out


def test_migrate_refuses_a_direct_url_to_another_database(
    pooled: Pooled, empty_database: Database
) -> None:
    other = urlunsplit(urlsplit(empty_database.url)._replace(path="/template1"))
    status, out, err = run(pooled("transaction"), "migrate", DATABASE_DIRECT_URL=other)
    assert (status, out) == (1, "")
    assert err.splitlines()[0] == (
        "CommandError: DATABASE_DIRECT_URL and DATABASE_URL lead to different databases."
    )


def test_migrate_works_through_a_session_pool(pooled: Pooled) -> None:
    status, out, err = run(pooled("session"), "migrate", "schema")
    assert (status, err) == (0, "")
    assert "applied schema.0001_initial" in out


def test_verify_works_through_a_transaction_pool(pooled: Pooled, empty_database: Database) -> None:
    call_command("migrate", "schema", database=empty_database.alias, verbosity=0)
    with empty_database.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE schema_quarantine ALTER COLUMN reason DROP NOT NULL")
    status, out, err = run(pooled("transaction"), "verify", "--data")
    assert (status, err) == (1, "CommandError: 1 difference\n")
    assert out.startswith("column schema_quarantine.reason: expected text NOT NULL; found text\n")
