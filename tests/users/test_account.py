"""The account page: name, e-mail address, passwords, deletion."""

import re
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from chat.models import ChatMessage
from personas.models import Persona
from tests.factories import PASSWORD, make_message, make_persona, make_thread, make_user
from tests.waiting import wait_for
from threads.models import Thread
from users.models import User
from users.rate_limits import CONFIRM, RESET_ACCOUNT

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "staple battery horse"


def mails(count: int) -> list[EmailMessage]:
    """Wait for mail, which is sent by a thread of its own."""
    wait_for(lambda: len(mail.outbox) >= count)
    assert len(mail.outbox) == count
    return mail.outbox


@pytest.fixture
def alice(client: Client) -> User:
    user = make_user()
    client.force_login(user)
    return user


def change_email(client: Client, email: str, password: str = PASSWORD) -> int:
    data = {"email-email": email, "email-password": password}
    return client.post(reverse("users:change_email"), data).status_code


def request_reset(client: Client, email: str) -> tuple[int, str]:
    response = client.post(reverse("users:reset"), {"email": email})
    return response.status_code, response.headers["Location"]


def test_name_is_changed(client: Client, alice: User) -> None:
    client.post(reverse("users:change_name"), {"name": "Alice M."})
    alice.refresh_from_db()
    assert alice.name == "Alice M."


def test_email_change_needs_the_password_and_notifies_the_old_address(
    client: Client, alice: User
) -> None:
    assert change_email(client, "new@example.com", "wrong") == 422
    assert change_email(client, "new@example.com") == 302
    alice.refresh_from_db()
    assert alice.email == "new@example.com"
    assert [message.to for message in mails(1)] == [["alice@example.com"]]


@pytest.mark.django_db(transaction=True)
def test_email_of_another_account_is_rejected_in_any_case(client: Client) -> None:
    client.force_login(make_user())
    make_user("bob")
    assert change_email(client, "BOB@example.com") == 422
    assert sorted(User.objects.values_list("email", flat=True)) == [
        "alice@example.com",
        "bob@example.com",
    ]


def test_password_change_keeps_this_session_and_ends_the_others(
    client: Client, alice: User
) -> None:
    other = Client()
    other.force_login(alice)
    data = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert client.post(reverse("users:change_password"), data).status_code == 302
    assert client.get(reverse("users:account")).status_code == 200
    assert other.get(reverse("users:account")).status_code == 302


def test_password_cannot_be_guessed_in_an_open_session(client: Client, alice: User) -> None:
    statuses = [change_email(client, "new@example.com", "wrong") for _ in range(CONFIRM.limit)]
    assert statuses == [422] * CONFIRM.limit
    change_email(client, "new@example.com")
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"


def test_reset_by_mail_sets_a_password_once(client: Client) -> None:
    make_user()
    request_reset(client, "ALICE@example.com")
    (message,) = mails(1)
    assert (message.subject, message.to) == (
        "Reset your Twinthread password",
        ["alice@example.com"],
    )
    link = re.search(r"http://testserver(/account/reset/\S+)", str(message.body))
    assert link
    page = client.get(link[1], follow=True)
    data = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert client.post(page.redirect_chain[-1][0], data).status_code == 302
    assert User.objects.get().check_password(NEW_PASSWORD)
    again = Client().get(link[1], follow=True)
    assert b"This link is no longer valid" in again.content


def test_reset_does_not_reveal_whether_an_account_exists(client: Client) -> None:
    make_user()
    known = request_reset(client, "alice@example.com")
    unknown = request_reset(client, "nobody@example.com")
    assert known == unknown == (302, reverse("users:reset_sent"))
    assert [message.to for message in mails(1)] == [["alice@example.com"]]


@pytest.mark.parametrize(
    ("site_url", "extra", "link"),
    [
        ("", {}, "http://testserver/"),
        ("", {"HTTP_HOST": "testserver:1337"}, "http://testserver/"),
        ("", {"HTTP_HOST": "testserver:1337", "SERVER_PORT": "8000"}, "http://testserver:8000/"),
        ("", {"wsgi.url_scheme": "https", "SERVER_PORT": "443"}, "https://testserver/"),
        ("https://chat.example.org", {"HTTP_HOST": "testserver:1337"}, "https://chat.example.org/"),
        ("https://chat.example.org:8443", {}, "https://chat.example.org:8443/"),
    ],
)
def test_reset_link_leads_to_this_site(
    client: Client, settings: Settings, site_url: str, extra: dict[str, Any], link: str
) -> None:
    settings.SITE_URL = site_url
    make_user()
    client.post(reverse("users:reset"), {"email": "alice@example.com"}, **extra)
    (message,) = mails(1)
    assert f"\n{link}account/reset/" in str(message.body)


def test_reset_mails_are_limited_across_spellings(client: Client) -> None:
    make_user("kik")
    for name in ("kik", "KIK", "\u212aik", "k\u0130k", "Kik", "kiK", "ki\u212a"):
        for _ in range(RESET_ACCOUNT.limit - 1):
            client.post(reverse("users:reset"), {"email": f"{name}@example.com"})
    mails(RESET_ACCOUNT.limit)


def test_reset_does_not_flood_a_mailbox(client: Client) -> None:
    make_user()
    for _ in range(RESET_ACCOUNT.limit + 3):
        assert request_reset(client, "alice@example.com")[0] == 302
    mails(RESET_ACCOUNT.limit)


def test_delete_removes_all_data_of_the_user_and_nothing_else(client: Client, alice: User) -> None:
    bob = make_user("bob")
    for user in (alice, bob):
        make_persona(user)
        make_message(make_thread(user))
    assert client.post(reverse("users:delete"), {"delete-password": "wrong"}).status_code == 422
    data = {"delete-password": PASSWORD}
    response = client.post(reverse("users:delete"), data)
    assert response.headers["Location"] == reverse("users:log_in")
    assert list(User.objects.all()) == [bob]
    for model in (Persona, Thread, ChatMessage):
        assert list(model.objects.values_list("user", flat=True)) == [bob.pk]
    assert client.get(reverse("users:account")).status_code == 302


def test_theme_is_stored_without_javascript_and_redirects_to_this_site_only(client: Client) -> None:
    response = client.post(
        reverse("users:theme"), {"theme": "dark"}, headers={"Referer": "https://evil.example/"}
    )
    assert response.headers["Location"] == "/"
    assert b'data-theme="dark"' in client.get(reverse("users:log_in")).content
    client.post(reverse("users:theme"), {"theme": '"><script>'})
    assert b"data-theme=" not in client.get(reverse("users:log_in")).content
