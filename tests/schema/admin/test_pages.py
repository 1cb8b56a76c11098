"""The operator's pages: migrations, history, quarantine."""

import json
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.urls import reverse

from chat.models import ChatMessage
from personas.models import Persona
from schema.models import MigrationRun, QuarantinedRow
from schema.quarantine import RowDoesNotFitError, put_back
from tests.factories import make_persona, make_thread, make_user
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.engines("postgresql")]


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("admin@example.com", "secret words"))
    return client


def as_written(key: Any) -> str:
    """Return a key as the engine at hand writes it to JSON."""
    return str(key) if connection.vendor == "postgresql" else str(key.hex)


def test_migrations_page_lists_applied_and_pending(operator: Client) -> None:
    MigrationRecorder(connection).record_unapplied("chat", "0004_thread_index")
    answer = operator.get(reverse("admin_migrations"))
    assert answer.context["pending"] == ["chat.0004_thread_index"]
    text = answer.content.decode()
    assert "chat.0003_thread_backfill" in text
    assert "manage.py migrate" in text
    index = operator.get(reverse("admin:index")).content.decode()
    assert f'href="{reverse("admin_migrations")}"' in index


def test_migrations_page_is_for_staff(client: Client) -> None:
    client.force_login(make_user())
    assert client.get(reverse("admin_migrations")).status_code == 302


def test_history_can_be_read_and_not_written(operator: Client) -> None:
    run = MigrationRun.objects.create(
        app="chat", name="0001", direction="forwards", operator="me", host="here", checksum="x"
    )
    assert operator.get(reverse("admin:schema_migrationrun_changelist")).status_code == 200
    page = reverse("admin:schema_migrationrun_change", args=[run.pk])
    assert operator.get(page).status_code == 200
    assert operator.post(page, {"app": "x"}).status_code == 403
    delete = reverse("admin:schema_migrationrun_delete", args=[run.pk])
    assert operator.post(delete, {"post": "yes"}).status_code == 403


def quarantined(table: str, row: dict[str, Any]) -> QuarantinedRow:
    return QuarantinedRow.objects.create(table_name=table, row=row, reason="no user")


def choose(operator: Client, *rows: QuarantinedRow) -> list[str]:
    data = {"action": "put_rows_back", "_selected_action": [row.pk for row in rows]}
    answer = operator.post(reverse("admin:schema_quarantinedrow_changelist"), data)
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_row_is_mended_and_put_back(operator: Client) -> None:
    alice = make_user()
    row = quarantined("personas", {"user_id": None, "name": "Lost", "metadata": {"tone": "dry"}})
    page = reverse("admin:schema_quarantinedrow_change", args=[row.pk])
    assert operator.get(page).status_code == 200
    corrected = row.row | {"user_id": as_written(alice.pk)}
    # The database knows only what a row written whole would have said.
    corrected |= {"id": as_written(make_user("key").pk), "color": "#112233", "is_active": True}
    corrected |= {"description": "", "created_at": "2025-01-01 00:00:00+00:00"}
    corrected |= {"updated_at": "2025-01-01 00:00:00+00:00"}
    assert operator.post(page, {"row": json.dumps(corrected)}).status_code == 302
    assert choose(operator, row)[-1] == "1 put back."
    persona = Persona.objects.get()
    assert (persona.user, persona.name, persona.metadata) == (alice, "Lost", {"tone": "dry"})
    assert QuarantinedRow.objects.count() == 0


def test_row_that_does_not_fit_stays_and_says_why(operator: Client) -> None:
    alice = make_user()
    persona, thread = make_persona(alice), make_thread(alice)
    nobody = as_written(thread.pk)
    rows = [
        quarantined("chat_messages", {"user_id": as_written(alice.pk), "role": "robot"}),
        quarantined("personas", {"id": as_written(persona.pk), "user_id": nobody, "name": "x"}),
        quarantined("chat_messages", {"confidence": 0.5}),
        quarantined("gone", {"id": 1}),
    ]
    said = choose(operator, *rows)
    assert len(said) == 4
    assert [line for line in said if "has no column confidence" in line]
    assert [line for line in said if "the table gone no longer exists" in line]
    assert QuarantinedRow.objects.count() == 4
    assert (Persona.objects.count(), ChatMessage.objects.count()) == (1, 0)


def test_row_whose_user_is_gone_does_not_fit() -> None:
    row = quarantined(
        "chat_messages",
        {
            "user_id": as_written(make_thread(make_user()).pk),  # a key, but no user's
            "thread_id": as_written(make_thread(make_user("bob")).pk),
            "role": "user",
            "content": "hi",
        },
    )
    with pytest.raises(RowDoesNotFitError):
        put_back(row)
    assert (QuarantinedRow.objects.count(), ChatMessage.objects.count()) == (1, 0)
