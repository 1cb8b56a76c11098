"""What the server does with clients that send too much, too slowly, or nothing at all."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from config.body_limits import DEFAULT, MESSAGE
from tests.factories import make_user
from tests.site import Site, database_url

FILES = 120  # leaves 80 connections to the server
PER_ADDRESS = 40
SLOW = (
    b"POST /nosuch/ HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
)
HALF = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(tmp_path: Path, collected: Path) -> Iterator[Site]:
    environment = {"ALLOWED_HOSTS": "*", "HTTPS": "0", "STATIC_ROOT": str(collected)}
    site = Site(tmp_path / "log", environment, files=FILES)
    site.start(database_url())
    try:
        yield site
    finally:
        site.stop()


def send(site: Site, data: bytes) -> bytes:
    """Send bytes, and return what the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        connection.sendall(data)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def post(site: Site, path: str, headers: dict[str, str], body: bytes = b"") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    try:
        connection.putrequest("POST", path)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(body)
        return connection.getresponse().status
    finally:
        connection.close()


def test_large_body_is_refused_before_it_is_read(site: Site) -> None:
    length = {"Content-Length": str(1_500_000_000)}
    upload = reverse("chat:import_upload")
    for path in ("/nosuch/", reverse("users:log_in"), upload, "/static/nosuch"):
        assert post(site, path, length) == 413
    visitor = site.log_in(make_user())
    assert post(site, "/nosuch/", visitor.headers | length) == 413
    assert post(site, upload, visitor.headers | length) == 413
    stolen = {"Cookie": f"{django_settings.SESSION_COOKIE_NAME}=nosuch"}
    smaller = {"Content-Length": str(DEFAULT + 1)}
    assert post(site, upload, stolen | smaller) == 413
    assert post(site, "/nosuch/", {"Content-Length": "5"}, b"12345") == 404
    body = b"x" * (DEFAULT + 1)
    assert post(site, upload, visitor.headers | smaller, body) == 422  # no form: read, not refused


def test_chunked_body_is_refused_at_the_limit(site: Site) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = b"POST /nosuch/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = send(site, head + chunk * (DEFAULT // 0x10000 + 2) + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(MESSAGE)
    small = send(site, head.replace(b"Host", b"Connection: close\r\nHost") + chunk + b"0\r\n\r\n")
    assert small.startswith(b"HTTP/1.1 404 ")


def test_half_sent_headers_do_not_close_the_site_to_others(site: Site) -> None:
    with ExitStack() as stack:
        for _ in range(FILES * 3):
            half = socket.create_connection(("127.0.0.1", site.port), timeout=60)
            stack.enter_context(half)
            half.sendall(HALF)
        for path in ("/healthz", "/readyz", reverse("users:log_in")):
            assert site.get(path)[0] == 200


def get(site: Site, path: str, address: str) -> int:
    connection = http.client.HTTPConnection(
        "127.0.0.1", site.port, timeout=60, source_address=(address, 0)
    )
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_slow_requests_leave_room_for_health_checks_and_are_cut_off(site: Site) -> None:
    with ExitStack() as stack:

        def connect(address: str, data: bytes) -> socket.socket:
            place, source = ("127.0.0.1", site.port), (address, 0)
            connection = socket.create_connection(place, timeout=60, source_address=source)
            stack.enter_context(connection)
            connection.sendall(data)
            if data == SLOW:  # the server has begun to wait for the body
                assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            return connection

        slow = [
            connect(address, SLOW)
            for address in ("127.0.0.2", "127.0.0.3")
            for _ in range(PER_ADDRESS)
        ]
        assert get(site, "/healthz", "127.0.0.2") == 503  # too many of this address
        assert get(site, "/healthz", "127.0.0.4") == 200
        assert get(site, "/readyz", "127.0.0.4") == 200
        assert get(site, "/nosuch/", "127.0.0.4") == 503
        for connection in slow:
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        half = connect("127.0.0.2", HALF)
        assert half.recv(100).startswith(b"HTTP/1.1 408 ")
        assert get(site, "/nosuch/", "127.0.0.2") == 404
