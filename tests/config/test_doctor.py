"""`manage.py doctor` names what is missing, and the remedy."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pytest_django import Settings

from config import doctor
from config.doctor import Level
from schema.models import MigrationRun
from tests.chat.provider_server import ProviderServer
from tests.config.test_deployment import PRODUCTION, manage
from tests.site import free_port


def findings(text: str) -> dict[str, list[tuple[str, str, str]]]:
    """Return what was found, by check: level, message, remedy."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for line in text.splitlines():
        row = json.loads(line)
        found.setdefault(row["check"], []).append((row["level"], row["message"], row["remedy"]))
    return found


def test_first_start_without_settings_is_told_all_that_is_missing() -> None:
    nothing = dict.fromkeys(PRODUCTION, "")
    nothing["STATIC_ROOT"] = "/nonexistent"
    wrong = nothing | {"HSTS_SECONDS": "soon", "DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    started = manage("migrate", **wrong)
    assert started.returncode == 1
    assert started.stderr.splitlines()[1:] == [
        "HSTS_SECONDS must be a whole number, not 'soon'.",
        "Run `python manage.py doctor` for the remedies.",
    ]
    assert started.stderr.startswith("Configuration error: SECRET_KEY is not set. Set it to ")

    done = manage("doctor", "--json", **wrong)
    assert (done.returncode, done.stderr) == (1, "")
    found = findings(done.stdout)
    failures = {
        (name, text) for name, rows in found.items() for level, text, _ in rows if level == "failed"
    }
    assert failures == {
        ("settings", "SECRET_KEY is not set."),
        ("settings", "HSTS_SECONDS must be a whole number, not 'soon'."),
        ("settings", "ALLOWED_HOSTS is empty, so every request is answered with 400."),
        ("static files", found["static files"][0][1]),
        ("database", found["database"][0][1]),
    }
    assert "no server answers there" in found["database"][0][1]
    assert "correct host and port in DATABASE_URL" in found["database"][0][2]
    assert "collectstatic" in found["static files"][0][2]
    assert [level for level, *_ in found["mail"] + found["provider"]] == ["warning", "warning"]
    assert all(remedy for rows in found.values() for level, _, remedy in rows if level != "ok")


@pytest.mark.django_db
def test_healthy_site_passes(
    settings: Settings, provider: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in provider.environment.items():
        setattr(settings, name, int(value) if value.isdecimal() else value)
    settings.EMAIL_HOST, settings.HTTPS, settings.DEBUG = "", True, False
    call_command("doctor", json=True)
    found = findings(capsys.readouterr().out)
    levels = {name: {level for level, *_ in rows} for name, rows in found.items()}
    assert levels.pop("mail") == {"warning"}
    assert levels.pop("settings") <= {"ok", "warning"}
    ok = {"ok"}
    assert levels == {
        "static files": ok,
        "disk": ok,
        "database": ok,
        "provider": ok,
        "migrations": ok,
        "clock": ok,
    }


@pytest.mark.engines("sqlite", "postgresql")
@pytest.mark.django_db
def test_pending_migrations_and_a_wrong_clock_are_found() -> None:
    MigrationRecorder(connection).record_unapplied("chat", "0004_thread_index")
    later = timezone.now() + timedelta(days=1)
    MigrationRun.objects.update(started_at=later)
    if not MigrationRun.objects.exists():
        MigrationRun.objects.create(app="chat", name="x", started_at=later)
    (pending,) = doctor.check_migrations()
    assert pending.text == "1 migrations are not applied, the first is chat.0004_thread_index."
    assert pending.remedy == "Run `python manage.py migrate`."
    (clock,) = doctor.check_clock()
    assert (clock.level, "behind that of the latest migration" in clock.text) == (
        Level.FAILED,
        True,
    )


def test_mail_server_that_is_away_or_refuses(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    (away,) = doctor.check_mail()
    assert away.text.startswith(f"127.0.0.1, port {settings.EMAIL_PORT} does not answer: ")
    assert "EMAIL_URL" in away.remedy
