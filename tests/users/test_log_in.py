"""Logging in and out, and rate limits."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from personas.models import Persona
from tests.factories import PASSWORD, make_user
from threads.models import Thread
from users.models import Attempt, User
from users.rate_limits import ACCOUNT, ADDRESS, RateLimit

ALICE = "alice@example.com"


def log_in(client: Client, password: str = PASSWORD, email: str = ALICE, address: str = "") -> int:
    data = {"username": email, "password": password}
    extra = {"REMOTE_ADDR": address or "203.0.113.7"}
    return client.post(reverse("users:log_in"), data, headers={}, **extra).status_code  # type: ignore[arg-type]  # the stubs know no environ


def is_logged_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def sign_up(client: Client, email: str = ALICE) -> int:
    data = {"name": "Alice", "email": email, "password": PASSWORD}
    return client.post(reverse("threads:sign_up"), data).status_code


@pytest.mark.django_db
def test_log_in_ignores_the_case_of_the_email(client: Client) -> None:
    make_user()
    assert log_in(client, email="ALICE@Example.com") == 302
    assert is_logged_in(client)


@pytest.mark.django_db
def test_sign_up_creates_an_active_persona_and_a_general_thread(client: Client) -> None:
    assert sign_up(client) == 302
    assert list(Persona.objects.values_list("name", "is_active")) == [("Alice", True)]
    assert list(Thread.objects.values_list("title", "is_general")) == [("General", True)]
    assert client.get(reverse("threads:home"), follow=True).status_code == 200


@pytest.mark.django_db
def test_sign_up_with_an_existing_email_in_another_case_creates_nothing(client: Client) -> None:
    make_user()
    assert sign_up(client, "Alice@EXAMPLE.com") == 422
    page = client.post(reverse("threads:sign_up"), {"email": ALICE, "password": PASSWORD})
    assert page.content.decode().count("There is an account with this e-mail address") == 1
    assert page.context["form"].errors.keys() == {"email"}
    assert (User.objects.count(), Persona.objects.count(), Thread.objects.count()) == (1, 0, 0)


@pytest.mark.django_db
def test_sign_up_refuses_weak_passwords(client: Client) -> None:
    for password in ("short", "password", "alice@example.com", "1234567890"):
        data = {"name": "Alice", "email": ALICE, "password": password}
        assert client.post(reverse("threads:sign_up"), data).status_code == 422
    assert User.objects.count() == 0


@pytest.mark.django_db
def test_log_in_changes_the_session_key(client: Client) -> None:
    make_user()
    client.session["planted"] = 1
    session = client.session
    session["planted"] = 1
    session.save()
    before = session.session_key
    log_in(client)
    assert client.session.session_key != before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("target", "location"),
    [("/personas/", "/personas/"), ("https://evil.example/", "/"), ("//evil.example", "/")],
)
def test_next_redirects_to_this_site_only(client: Client, target: str, location: str) -> None:
    make_user()
    data = {"username": ALICE, "password": PASSWORD, "next": target}
    assert client.post(reverse("users:log_in"), data).headers["Location"] == location


@pytest.mark.django_db
def test_account_limit_refuses_even_the_right_password() -> None:
    make_user()
    statuses = [
        log_in(Client(), "wrong", address=f"203.0.113.{n}") for n in range(ACCOUNT.limit + 2)
    ]
    assert statuses == [422] * ACCOUNT.limit + [429] * 2
    stranger = Client()
    assert log_in(stranger, address="198.51.100.1") == 429
    assert not is_logged_in(stranger)


@pytest.mark.django_db
def test_strangers_do_not_lock_out_the_owner_on_a_known_device() -> None:
    make_user()
    own = Client()
    log_in(own)
    own.post(reverse("users:log_out"))
    for n in range(ACCOUNT.limit + 2):
        log_in(Client(), "wrong", address=f"203.0.113.{n}")
    assert log_in(own) == 302
    assert is_logged_in(own)


@pytest.mark.django_db
def test_window_ends_by_itself() -> None:
    make_user()
    for n in range(ACCOUNT.limit + 2):
        log_in(Client(), "wrong", address=f"203.0.113.{n}")
    Attempt.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert log_in(Client()) == 302


@pytest.mark.django_db
def test_address_limit_holds_across_accounts() -> None:
    make_user("bob")
    log_in(Client(), "wrong", email="0@example.com")
    Attempt.objects.filter(key=ADDRESS.key("203.0.113.7")).update(count=ADDRESS.limit - 2)
    statuses = [log_in(Client(), "wrong", email=f"{n}@example.com") for n in range(1, 5)]
    assert statuses == [422] * 2 + [429] * 2
    assert log_in(Client(), email="bob@example.com") == 429
    assert log_in(Client(), email="bob@example.com", address="198.51.100.1") == 302


@pytest.mark.django_db
def test_admin_log_in_has_the_same_limits(client: Client) -> None:
    make_user(is_staff=True)
    for n in range(ACCOUNT.limit + 1):
        log_in(Client(), "wrong", address=f"203.0.113.{n}")
    client.post("/admin/login/", {"username": ALICE, "password": PASSWORD})
    assert not is_logged_in(client)


@pytest.mark.django_db
def test_forwarded_address_is_used_only_behind_a_proxy(client: Client, settings: Settings) -> None:
    make_user()
    data = {"username": ALICE, "password": "wrong"}

    def guess(forwarded: str) -> list[str]:
        Attempt.objects.all().delete()
        client.post(reverse("users:log_in"), data, headers={"X-Forwarded-For": forwarded})
        return sorted(Attempt.objects.values_list("key", flat=True))

    account = ACCOUNT.key(ALICE)
    assert guess("192.0.2.1") == sorted([account, ADDRESS.key("127.0.0.1")])
    settings.BEHIND_PROXY = True
    assert guess("192.0.2.1, 198.51.100.9") == sorted([account, ADDRESS.key("198.51.100.9")])
    network = ADDRESS.key("2001:db8:1:2::/64")
    assert guess("2001:db8:1:2:3:4:5:6") == sorted([account, network])


@pytest.mark.django_db(transaction=True)
def test_concurrent_attempts_never_exceed_the_limit() -> None:
    limit = RateLimit("concurrent", 5, timedelta(minutes=1))
    allowed: list[bool] = []
    barrier = threading.Barrier(8)

    def guess() -> None:
        barrier.wait()
        allowed.extend([limit.hit("alice") for _ in range(5)])
        connection.close()

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(allowed), sum(allowed)) == (40, 5)
