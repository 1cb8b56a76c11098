"""`/healthz` and `/readyz`, the health checks."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from schema.history.status import known_migrations, migration_status, pending_migrations
from tests.conftest import Database

pytestmark = pytest.mark.engines("sqlite", "postgresql")


def test_healthz_answers_without_a_database(client: Client) -> None:
    answer = client.get("/healthz")  # no database fixture: a query would fail the test
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_health_checks_accept_any_host(client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["chat.example.org"]
    settings.SECURE_SSL_REDIRECT = True
    for path in ("/healthz", "/readyz"):
        assert client.get(path, headers={"host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/", headers={"host": "10.0.0.7:8000"}).status_code == 400


@pytest.mark.django_db
def test_readyz_answers_with_two_queries(client: Client) -> None:
    client.get("/readyz")
    with CaptureQueriesContext(connection) as queries:
        answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (200, b"ready\n")
    assert len(queries) == 2  # does the table exist, and its rows


@pytest.mark.django_db
def test_readyz_names_what_is_not_applied(client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("chat", "0004_thread_index")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    text = answer.content.decode()
    assert text == "not ready: migrations are not applied: chat.0004_thread_index\n"


@pytest.mark.django_db
def test_readyz_says_that_the_database_is_away_and_nothing_else(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("password=hunter2 host=10.0.0.1 refused")

    monkeypatch.setattr(CursorWrapper, "execute", refuse)
    monkeypatch.setattr(connection.introspection, "table_names", refuse)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (
        503,
        b"not ready: the database does not answer\n",
    )


@pytest.mark.django_db
def test_readyz_asks_for_the_static_files_that_pages_need(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    }
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "manage.py collectstatic" in answer.content.decode()
    call_command("collectstatic", interactive=False, verbosity=0)
    settings.STORAGES = dict(settings.STORAGES)  # as after a restart
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_readyz_is_cheap(client: Client) -> None:
    client.get("/readyz")
    with CaptureQueriesContext(connection) as captured:
        client.get("/readyz")
    assert len(captured) <= 2


def test_empty_database_lacks_every_migration_and_then_none(empty_database: Database) -> None:
    names = [".".join(key) for key in known_migrations()]
    assert pending_migrations(empty_database.connection) == names
    assert names.index("schema.0001_initial") < names.index("users.0001_users")
    call_command("migrate", database=empty_database.alias, verbosity=0)
    assert pending_migrations(empty_database.connection) == []
    status = migration_status(empty_database.connection)
    assert sorted(step.name for step in status.applied) == sorted(names)
