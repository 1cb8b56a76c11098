"""Logging in and out, and the limits on guessing."""

import pytest
from django.test import Client
from django.urls import reverse

from personas.models import Persona
from tests.factories import PASSWORD, make_user
from threads.models import Thread

pytestmark = pytest.mark.django_db


def log_in(client: Client, email: str, password: str = PASSWORD, **extra: str) -> int:
    data = {"username": email, "password": password}
    return client.post(reverse("users:log_in"), data, **extra).status_code  # type: ignore[arg-type]  # headers


def test_log_in_takes_the_email_in_any_case(client: Client) -> None:
    make_user()
    assert log_in(client, "ALICE@Example.com") == 302
    assert client.session["_auth_user_id"]


def test_sign_up_makes_an_active_persona_and_a_general_thread(client: Client) -> None:
    data = {"name": "Alice", "email": "alice@example.com", "password": PASSWORD}
    assert client.post(reverse("threads:sign_up"), data).status_code == 302
    assert list(Persona.objects.values_list("name", "is_active")) == [("Alice", True)]
    assert list(Thread.objects.values_list("title", "is_general")) == [("General", True)]
    assert client.get(reverse("threads:home"), follow=True).status_code == 200
