"""Settings from the environment: values, errors, and secrets that stay hidden."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from config import environment

ROOT = Path(__file__).parent.parent.parent
MALFORMED = [
    "nonsense",
    "postgresql",
    "postgresql://",
    "postgresql://user:hunter2@host:port/db",
    "postgresql://user:hunter2@host:5432",
    "postgresql://user:hunter2@host:5432/",
    "postgresql://user:hunter2#@host:5432/db",
    "postgresql://user:hunter2@[::1/db",
    "postgres//user:hunter2@host/db",
    "mysql://user:hunter2@host/db",
    "oracle://user:hunter2@host/db",
    "http://user:hunter2@host/db",
    "://user:hunter2@host/db",
    "postgresql:/user:hunter2@host:5432/db",
    "postgresql:///user:hunter2@host:5432/db",
    "postgres:hunter2@host:5432/db",
    "postgresql://user:12/hunter2@host:5432/db",
    "postgresql:hunter2",
    "sqlite:",
    "sqlite://",
    "sqlite:///",
    "sqlite://hunter2.sqlite3",
    "'postgresql://user:hunter2@host/db'",
    "DATABASE_URL=postgresql://user:hunter2@host/db",
]


@pytest.mark.parametrize("url", MALFORMED)
def test_malformed_database_url_is_one_sentence_without_the_url(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured) as refusal:
        environment.database("SOME_DATABASE_URL", default="")
    message = str(refusal.value)
    assert message.startswith("SOME_DATABASE_URL ")
    assert "postgresql://USER:PASSWORD@HOST:5432/NAME" in message
    assert "hunter2" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("url", "host", "name"),
    [
        ("postgresql:///chat", "", "chat"),
        ("postgresql://%2Frun%2Fpostgresql/chat", "/run/postgresql", "chat"),
        ("POSTGRES://db/chat%2F1%40home", "db", "chat/1@home"),
        ("sqlite:///chat.sqlite3", "", "chat.sqlite3"),
        ("sqlite:////srv/chat.sqlite3", "", "/srv/chat.sqlite3"),
        ("sqlite://:memory:", "", ":memory:"),
    ],
)
def test_unusual_database_url_is_accepted(
    url: str, host: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_DATABASE_URL", f" {url} ")
    found = environment.database("SOME_DATABASE_URL", default="")
    assert (found.get("HOST", ""), found["NAME"]) == (host, name)


def test_command_reports_a_wrong_setting_without_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": "postgresql://user:hunter2@host:port/db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Configuration error: DATABASE_URL is not a database URL.")
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr + done.stdout


def test_password_with_encoded_characters_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_DATABASE_URL", "postgresql://al%40ice:p%40ss%2Fw%23@db:6432/chat")
    found = environment.database("SOME_DATABASE_URL", default="")
    parts = {name: found[name] for name in ("ENGINE", "USER", "PASSWORD", "HOST", "PORT", "NAME")}
    assert parts == {
        "ENGINE": "schema.backends.postgresql",
        "USER": "al@ice",
        "PASSWORD": "p@ss/w#",
        "HOST": "db",
        "PORT": 6432,
        "NAME": "chat",
    }
    assert found["OPTIONS"]["connect_timeout"] == 10


def test_options_in_the_url_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_DATABASE_URL", "postgresql://db/chat?connect_timeout=3")
    found = environment.database("SOME_DATABASE_URL", default="")
    assert found["OPTIONS"] == {"connect_timeout": 3}


@pytest.mark.engines("sqlite")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("foreign_keys", 1),
        ("busy_timeout", 20_000),
        ("synchronous", 1),
        ("recursive_triggers", 1),
    ],
)
def test_sqlite_is_configured_for_concurrent_writers(pragma: str, value: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {pragma}")
        assert cursor.fetchone() == (value,)
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("off", False)])
def test_flag_accepts_yes_and_no_words(
    text: str, value: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_FLAG", text)
    assert environment.flag("SOME_FLAG", default=not value) is value


def test_flag_and_number_reject_other_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_VALUE", "maybe")
    with pytest.raises(ImproperlyConfigured, match="SOME_VALUE must be 1 or 0"):
        environment.flag("SOME_VALUE")
    with pytest.raises(ImproperlyConfigured, match="SOME_VALUE must be a whole number"):
        environment.whole_number("SOME_VALUE", default=1)


def test_log_level_is_info_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, level in (("", "INFO"), ("warning", "WARNING")):
        monkeypatch.setenv("SOME_LEVEL", value)
        assert environment.log_level("SOME_LEVEL") == level
    monkeypatch.setenv("SOME_LEVEL", "loud")
    with pytest.raises(ImproperlyConfigured, match=r"^SOME_LEVEL must be DEBUG, INFO"):
        environment.log_level("SOME_LEVEL")


def test_secret_key_is_required_in_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY")
    with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY is not set\."):
        environment.secret_key(tmp_path / "key", production=True)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("SECRET_KEY", "given")
    assert environment.secret_key(tmp_path / "key", production=True) == "given"


def test_secret_key_is_created_once_and_readable_by_its_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY")
    found: list[str] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        found.append(environment.secret_key(tmp_path / "key", production=False))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(found[0]) >= 50
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("url", ["https://chat.example.org", "http://[::1]:8000", "http://a:1"])
def test_origin_is_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_ORIGIN", f" {url}/ ")
    assert environment.origin("SOME_ORIGIN") == url


@pytest.mark.parametrize("url", ["chat.example.org", "https://", "https://a/b", "https://u@a", "x"])
def test_other_urls_are_no_origin(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_ORIGIN", url)
    with pytest.raises(ImproperlyConfigured, match=r"^SOME_ORIGIN must be an origin such as"):
        environment.origin("SOME_ORIGIN")
