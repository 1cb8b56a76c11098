"""Downloads from the served site whose readers go away."""

import socket

import pytest
from django.db import connection

from chat.exports.relay import MAX_PER_USER
from tests.chat.exports.test_streams import fill
from tests.factories import make_thread, make_user
from tests.site import Site, Visitor
from tests.waiting import wait_for


def begin_download(site: Site, visitor: Visitor) -> socket.socket:
    """Begin a download, read 50 bytes of it, and return the connection."""
    line = socket.create_connection(("127.0.0.1", site.port), timeout=30)
    head = f"GET /export/json/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {visitor.headers['Cookie']}"
    line.sendall(f"{head}\r\n\r\n".encode())
    assert line.recv(50).startswith(b"HTTP/1.1 200")
    return line


def transactions() -> int:
    """Return how many other connections have a transaction open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        )
        return int(cursor.fetchone()[0])


def test_download_that_is_left_frees_everything(site: Site) -> None:
    alice = make_user()
    fill(make_thread(alice), 40, 1_000_000)
    visitor = site.log_in(alice)
    lines = [begin_download(site, visitor) for _ in range(MAX_PER_USER)]
    assert site.get("/export/json/", visitor.headers)[0] == 429
    for line in lines:
        line.close()
    wait_for(lambda: site.get("/export/", visitor.headers)[0] == 200)
    wait_for(lambda: site.get("/export/csv/", visitor.headers)[0] == 200)


@pytest.mark.engines("postgresql")
def test_download_that_is_left_ends_its_transaction(site: Site) -> None:
    alice = make_user()
    fill(make_thread(alice), 40, 1_000_000)
    visitor = site.log_in(alice)
    lines = [begin_download(site, visitor) for _ in range(MAX_PER_USER)]
    wait_for(lambda: transactions() == MAX_PER_USER)
    for line in lines:
        line.close()
    wait_for(lambda: transactions() == 0, seconds=5)
