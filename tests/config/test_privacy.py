"""Nothing private is left in caches, logs, error pages and files."""

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from config import checks
from config.redaction import URLFilter, redact_url
from tests.conftest import Database
from tests.factories import make_user
from tests.site import Site
from tests.test_isolation import ROUTES, row_named, rows_of

ANYWHERE = "0.0.0.0"  # noqa: S104
ROOT = Path(__file__).parent.parent.parent


@pytest.mark.django_db
def test_no_page_may_be_cached() -> None:
    alice = make_user()
    rows = rows_of(alice)
    client = Client()
    client.force_login(alice)
    for route in ROUTES:
        values = row_named(route, rows) | {"uidb64": "b", "token": "t"}
        answer = client.get(route.filled(values))
        control = answer.headers.get("Cache-Control", "")
        assert "no-store" in control or "private" in control, route.path
    assert "no-store" in client.get("/nowhere/").headers["Cache-Control"]
    assert "no-store" in Client().get(reverse("users:log_in")).headers["Cache-Control"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("GET /search/?q=secret+words HTTP/1.1", "GET /search/ HTTP/1.1"),
        ("/account/reset/Mg/abc-123/", "/account/reset/…/"),
        ("https://a/account/reset/Mg/abc-123/?x=1", "https://a/account/reset/…/"),
        ("/account/reset/sent/", "/account/reset/sent/"),
        ("/threads/?after=2026", "/threads/"),
        ("-", "-"),
    ],
)
def test_urls_are_redacted(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_django_logs_no_search_words() -> None:
    record = logging.LogRecord(
        "django.server",
        logging.INFO,
        "",
        1,
        '"%s" %s',
        ("GET /search/?q=secret HTTP/1.1", 200),
        None,
    )
    assert URLFilter().filter(record)
    assert record.getMessage() == '"GET /search/ HTTP/1.1" 200'
    logging_settings: Any = django_settings.LOGGING
    assert logging_settings["handlers"]["stderr"]["filters"] == ["urls"]


def test_error_page_of_debug_shows_no_secret() -> None:
    """In a process of its own: the settings are read from the environment."""
    secrets = {
        "SECRET_KEY": "secret-1",
        "DATABASE_URL": "postgresql://alice:secret-2@127.0.0.1/none",
        "DATABASE_DIRECT_URL": "postgresql://alice:secret-3@127.0.0.1/none",
        "EMAIL_URL": "smtp://alice:secret-4@mail.example.org:587",
        "OPENAI_API_KEY": "secret-5",
        "OPENAI_BASE_URL": "https://alice:secret-6@models.example.org/v1",
    }
    code = """
import os, sys
from django.test import RequestFactory
from django.views.debug import ExceptionReporter
request = RequestFactory().get("/", **{n: v for n, v in os.environ.items() if n.isupper()})
try:
    1 / 0
except ZeroDivisionError:
    reporter = ExceptionReporter(request, *sys.exc_info())
    print(reporter.get_traceback_html(), reporter.get_traceback_text())
"""
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", code],
        cwd=ROOT,
        env=os.environ | {"DEBUG": "1"} | secrets,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "EMAIL_HOST_USER" in done.stdout, done.stderr
    assert "ZeroDivisionError" in done.stdout
    assert [name for name in range(1, 7) if f"secret-{name}" in done.stdout] == []


@pytest.mark.parametrize(
    ("debug", "host", "names", "arguments", "warns"),
    [
        (True, "", [], [], False),
        (True, "127.0.0.1", ["localhost", "127.0.0.1", "[::1]", ".localhost"], [], False),
        (True, ANYWHERE, [], [], True),
        (True, "", ["chat.example.org"], [], True),
        (True, "", ["*"], [], True),
        (True, "", [], ["runserver"], False),
        (True, "", [], ["runserver", "8001"], False),
        (True, "", [], ["runserver", "0.0.0.0:8000"], True),
        (True, "", [], ["runserver", "--noreload", "[::]:8000"], True),
        (True, ANYWHERE, [], ["runserver", "127.0.0.1:8000"], False),
        (False, ANYWHERE, ["chat.example.org"], [], False),
    ],
)
def test_debug_that_others_reach_is_warned_of(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    debug: bool,
    host: str,
    names: list[str],
    arguments: list[str],
    warns: bool,
) -> None:
    settings.DEBUG, settings.HOST, settings.ALLOWED_HOSTS = debug, host, names
    monkeypatch.setattr(sys, "argv", ["manage.py", *arguments])
    assert [warning.id for warning in checks.debug_is_local()] == (["config.W001"] if warns else [])


@pytest.mark.engines("sqlite")
def test_sqlite_file_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite3"
    old = os.umask(0)
    try:
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0", "schema"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": f"sqlite:///{file}"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.umask(old)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.django_db(transaction=True)
def test_served_site_logs_no_secret_and_believes_no_forwarded_header(
    empty_database: Database, tmp_path: Path
) -> None:
    site = Site(
        tmp_path / "log",
        {"HTTPS": "1", "ALLOWED_HOSTS": "127.0.0.1", "DEBUG": "0", "BEHIND_PROXY": "0"},
        access_log="-",
    )
    try:
        site.start(empty_database.url)
        referer = f"{site.url}/search/?q=hidden-words"
        for headers in (
            {"X-Forwarded-Proto": "https"},
            {"X-Forwarded-Protocol": "ssl"},
            {"X-Forwarded-Ssl": "on"},
            {"X-Forwarded-For": "192.0.2.1", "Forwarded": "proto=https;for=192.0.2.1"},
        ):
            status, _ = site.get("/search/?q=hidden-words", headers | {"Referer": referer})
            assert status == 301  # to HTTPS: the request was not made with it
        site.get("/account/reset/Mg/hidden-token/")
    finally:
        site.stop()
    log = (tmp_path / "log").read_text()
    assert '"GET /search/ HTTP/1.1" 301' in log
    assert '"GET /account/reset/…/ HTTP/1.1"' in log
    assert "hidden" not in log


def test_gunicorn_with_debug_is_local_unless_a_host_is_set() -> None:
    def bind(**environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "gunicorn", "--print-config"],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != "HOST"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return next(line for line in done.stdout.splitlines() if line.startswith("bind ")).split()[
            -1
        ]

    assert bind(DEBUG="1", PORT="8123") == "['127.0.0.1:8123']"
    assert bind(DEBUG="0", PORT="8123") == "['0.0.0.0:8123']"
    assert bind(DEBUG="1", PORT="8123", HOST=ANYWHERE) == "['0.0.0.0:8123']"
