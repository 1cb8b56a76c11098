"""Logging in and out, and rate limits."""

import threading
from datetime import timedelta
from typing import Any

import argon2
import bcrypt
import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from personas.models import Persona
from tests.factories import PASSWORD, make_user
from threads.models import Thread
from users.models import Attempt, User
from users.rate_limits import ACCOUNT, ADDRESS, RateLimit, client_address

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
    answer = client.post("/admin/login/", {"username": ALICE, "password": PASSWORD})
    assert answer.status_code == 429
    assert "Too many attempts" in answer.content.decode()
    assert not is_logged_in(client)


@pytest.mark.django_db
def test_admin_log_in_is_for_staff(client: Client) -> None:
    make_user()
    make_user("bob", is_staff=True)
    data = {"username": ALICE, "password": PASSWORD}
    assert client.post("/admin/login/", data).status_code == 200
    assert not is_logged_in(client)
    assert client.post("/admin/login/", data | {"username": "bob@example.com"}).status_code == 302


@pytest.mark.django_db
def test_admin_password_change_is_the_one_with_a_limit(client: Client) -> None:
    client.force_login(make_user(is_staff=True))
    answer = client.get(reverse("admin:password_change"))
    assert answer.headers["Location"] == reverse("users:change_password")


LEGACY = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()


@pytest.mark.django_db
@pytest.mark.parametrize("account", ["none", "new", "legacy", "unusable", "disabled"])
def test_failed_log_in_computes_the_same_hashes_for_every_account(
    client: Client, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if account != "none":
        user = make_user(is_active=account != "disabled")
        password = {"legacy": LEGACY, "unusable": "!"}.get(account)
        User.objects.filter(pk=user.pk).update(**({"password": password} if password else {}))
    computed: list[str] = []
    real_bcrypt, real_argon2 = bcrypt.hashpw, argon2.low_level.hash_secret
    real_verify = argon2.PasswordHasher.verify

    def hash_bcrypt(*args: Any) -> bytes:
        computed.append("bcrypt")
        return real_bcrypt(*args)

    def hash_argon2(*args: Any, **options: Any) -> bytes:
        computed.append("argon2")
        return real_argon2(*args, **options)

    def verify_argon2(*args: Any) -> bool:
        computed.append("argon2")
        return real_verify(*args)

    monkeypatch.setattr(bcrypt, "hashpw", hash_bcrypt)
    monkeypatch.setattr(argon2.low_level, "hash_secret", hash_argon2)
    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify_argon2)
    for password in ("wrong", "wrong" * 40, "wröng"):
        computed.clear()
        assert log_in(client, password) == 422
        assert sorted(computed) == ["argon2", "bcrypt"]


@pytest.mark.django_db
def test_legacy_password_logs_in_and_is_replaced(client: Client) -> None:
    user = make_user()
    User.objects.filter(pk=user.pk).update(password=LEGACY)
    assert log_in(client) == 302
    user.refresh_from_db()
    assert user.password.startswith("argon2$")


# Letters that Python, PostgreSQL and SQLite fold differently, and that validation lets through.
SPELLINGS = ["kik@example.com", "KIK@example.com", "\u212aik@example.com", "k\u0130k@example.com"]
SPELLINGS += ["k\u0131k@example.com", "kik@EXAMPLE.COM", "ki\u212a@Example.com"]


@pytest.mark.django_db
def test_spellings_of_one_address_share_one_limit() -> None:
    user = make_user("kik")
    guesses = [email for email in SPELLINGS for _ in range(ACCOUNT.limit)]
    reached = [
        email
        for n, email in enumerate(guesses)
        if log_in(Client(), "wrong", email=email, address=f"203.0.113.{n}") == 422
        and User.objects.with_email(email) == user
    ]
    assert len(reached) == ACCOUNT.limit


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.1:4711", "192.0.2.1"),
        ("198.51.100.9, 192.0.2.1:1", "192.0.2.1"),
        ("[2001:db8:1:2::7]:443", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::7]", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ("192.0.2.1:x", "unknown"),
        ("_hidden", "unknown"),
        ("", "127.0.0.1"),
    ],
)
def test_forwarded_address_may_have_a_port(
    rf: RequestFactory, settings: Settings, forwarded: str, address: str
) -> None:
    settings.BEHIND_PROXY = True
    request = rf.get("/", headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == address


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
