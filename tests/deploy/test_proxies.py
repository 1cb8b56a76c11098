"""The systemd units are valid; the proxies of the examples serve the site."""

import http.client
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

import pytest

from chat.models import Reply
from config.body_limits import DEFAULT
from tests.chat.provider_server import ProviderServer
from tests.factories import make_thread, make_user
from tests.site import Site, database_url, free_port
from tests.waiting import PATIENCE, wait_for
from users import rate_limits
from users.models import Attempt

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
HOST = "chat.example.org"
UNITS = ["twinthread.service", "twinthread.socket"]


@pytest.mark.parametrize("unit", UNITS)
def test_unit_is_valid(unit: str, tmp_path: Path) -> None:
    """The unit's program is replaced by one that exists here."""
    for name in UNITS:
        text = (DEPLOY / name).read_text()
        text = text.replace("/opt/twinthread/.venv/bin/gunicorn", "/bin/true")
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "twinthread" in line]
    assert complaints == []


def test_service_is_hardened() -> None:
    service = str(DEPLOY / "twinthread.service")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", service],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture
def site(
    transactional_db: None, site_environment: dict[str, str], tmp_path: Path
) -> Iterator[Site]:
    """Serve the site as it is served behind a proxy: HTTPS only."""
    behind = {"HTTPS": "1", "BEHIND_PROXY": "1", "ALLOWED_HOSTS": HOST}
    site = Site(tmp_path / "log", site_environment | behind, access_log="-")
    site.start(database_url())
    yield site
    site.stop()


@contextmanager
def nginx(folder: Path, site: Site, port: int) -> Iterator[None]:
    """Run nginx with the example; only addresses and paths are those of the test."""
    certificate = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run(["openssl", "req", *certificate, *files], check=True, capture_output=True)
    text = (DEPLOY / "nginx.conf").read_text()
    for theirs, ours in (
        (r"/etc/letsencrypt/live/chat\.example\.org", str(folder)),
        (r"/var/log/nginx", str(folder)),
        (r"127\.0\.0\.1:8000", f"127.0.0.1:{site.port}"),
        (r"(?m)^ *listen \[::\].*\n", ""),
        (r"listen 80;", f"listen 127.0.0.1:{port + 1};"),
        (r"listen 443", f"listen 127.0.0.1:{port}"),
    ):
        text, count = re.subn(theirs, ours, text)
        assert count
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"pid {folder}/nginx.pid; daemon off; user root;\n"
        f"events {{}}\nhttp {{ {temporary}\n{text} }}\n"
    )
    command = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(config), "-p", str(folder)]
    command += ["-e", str(folder / "error.log")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    yield from running(command)


@contextmanager
def caddy(folder: Path, site: Site, port: int) -> Iterator[None]:
    """Run Caddy with the example, and with a certificate of its own authority."""
    text = (DEPLOY / "Caddyfile").read_text()
    text = text.replace("{$SITE_HOST:chat.example.org} {", "{$SITE_HOST} {\n\ttls internal")
    options = f"{{\n\tadmin off\n\tskip_install_trust\n\thttps_port {port}\n"
    options += f"\thttp_port {port + 1}\n\tstorage file_system {folder}/caddy\n}}\n"
    config = folder / "Caddyfile"
    config.write_text(options + text)
    environment = {"SITE_HOST": HOST, "UPSTREAM": f"127.0.0.1:{site.port}", "HOME": str(folder)}
    yield from running(["caddy", "run", "--config", str(config)], environment)


def running(command: list[str], environment: dict[str, str] | None = None) -> Iterator[None]:
    process = subprocess.Popen(
        command, env=environment and environment | {"PATH": "/usr/bin:/bin:/usr/sbin"}
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def request(port: int, path: str, headers: dict[str, str], **form: str) -> Iterator[HTTPResponse]:
    """Send a request to the proxy, over TLS; with a form it is a POST."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection = http.client.HTTPConnection(HOST)
    connection.sock = context.wrap_socket(plain, server_hostname=HOST)
    try:
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        kind |= {"Referer": f"https://{HOST}/"}
        method = "POST" if form else "GET"
        connection.request(method, path, urlencode(form) or None, headers=kind | headers)
        yield connection.getresponse()
    finally:
        connection.close()


def is_serving(port: int) -> bool:
    try:
        with request(port, "/healthz", {}) as response:
            return response.status == 200
    except OSError:
        return False


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_proxy_serves_pages_and_streams(
    proxy: Callable[..., AbstractContextManager[None]],
    site: Site,
    provider: ProviderServer,
    tmp_path: Path,
) -> None:
    alice = make_user()
    port = free_port()
    visitor = site.log_in(alice)
    with proxy(tmp_path, site, port):
        wait_for(lambda: is_serving(port))
        with request(port, "/", {}) as response:  # it knows that it is served by HTTPS
            assert (response.status, response.headers["Location"]) == (
                302,
                "/account/log-in/?next=/",
            )
        stranger = {"Cookie": "csrftoken=" + "t" * 32, "X-CSRFToken": "t" * 32}
        forged = stranger | {"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "http"}
        wrong = {"username": alice.email, "password": "wrong"}
        with request(port, "/account/log-in/", forged, **wrong) as response:
            assert response.status == 422
        assert Attempt.objects.filter(key=rate_limits.ADDRESS.key("127.0.0.1")).exists()
        with request(port, "/account/log-in/", stranger, text="x" * DEFAULT) as response:
            assert response.status == 413
        with request(port, "/search/?q=hidden-words", visitor.headers) as response:
            assert response.status == 200

        messages = f"/threads/{make_thread(alice).pk}/messages/"
        with request(port, messages, visitor.headers, text="words=3 hold=2") as response:
            assert response.status == 200
        with request(
            port, f"/replies/{Reply.objects.get().pk}/stream/", visitor.headers
        ) as response:
            text = ""
            while "word2" not in text:  # comes through while the model has not ended
                text += response.readline().decode()
            provider.release()
            while "event: end" not in text:
                text += response.readline().decode()
    for log in tmp_path.glob("**/*.log"):
        assert "hidden-words" not in log.read_text()
