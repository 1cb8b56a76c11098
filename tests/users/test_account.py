"""The account's page: name, e-mail, passwords, and the end of it."""

import re
import time

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse

from chat.models import ChatMessage
from personas.models import Persona
from tests.factories import PASSWORD, make_message, make_persona, make_thread, make_user
from threads.models import Thread
from users.attempts import CONFIRM, RESET_ACCOUNT
from users.models import User

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "staple battery horse"


def mails(count: int) -> list[EmailMessage]:
    """Wait for mail, which is sent by a thread of its own."""
    deadline = time.monotonic() + 5
    while len(mail.outbox) < count and time.monotonic() < deadline:
        time.sleep(0.01)
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


def ask_for_reset(client: Client, email: str) -> tuple[int, str]:
    response = client.post(reverse("users:reset"), {"email": email})
    return response.status_code, response.headers["Location"]


def test_name_is_changed(client: Client, alice: User) -> None:
    client.post(reverse("users:change_name"), {"name": "Alice M."})
    alice.refresh_from_db()
    assert alice.name == "Alice M."


def test_email_is_changed_with_the_password_only_and_the_old_one_is_told(
    client: Client, alice: User
) -> None:
    assert change_email(client, "new@example.com", "wrong") == 422
    assert change_email(client, "new@example.com") == 302
    alice.refresh_from_db()
    assert alice.email == "new@example.com"
    assert [message.to for message in mails(1)] == [["alice@example.com"]]


@pytest.mark.django_db(transaction=True)
def test_email_of_somebody_else_is_refused_in_any_case(client: Client) -> None:
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


def test_old_password_cannot_be_guessed_by_whoever_found_the_browser_open(
    client: Client, alice: User
) -> None:
    statuses = [change_email(client, "new@example.com", "wrong") for _ in range(CONFIRM.most)]
    assert statuses == [422] * CONFIRM.most
    change_email(client, "new@example.com")
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"


def test_reset_by_mail_sets_a_password_once(client: Client) -> None:
    make_user()
    ask_for_reset(client, "ALICE@example.com")
    (message,) = mails(1)
    assert (message.subject, message.to) == (
        "Reset your Twinthread password",
        ["alice@example.com"],
    )
    found = re.search(r"http://testserver(/account/reset/\S+)", str(message.body))
    assert found
    page = client.get(found[1], follow=True)
    data = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert client.post(page.redirect_chain[-1][0], data).status_code == 302
    assert User.objects.get().check_password(NEW_PASSWORD)
    again = Client().get(found[1], follow=True)
    assert b"This link is used up" in again.content


def test_reset_tells_nobody_whether_there_is_an_account(client: Client) -> None:
    make_user()
    known = ask_for_reset(client, "alice@example.com")
    unknown = ask_for_reset(client, "nobody@example.com")
    assert known == unknown == (302, reverse("users:reset_sent"))
    assert [message.to for message in mails(1)] == [["alice@example.com"]]


def test_reset_does_not_flood_a_mailbox(client: Client) -> None:
    make_user()
    for _ in range(RESET_ACCOUNT.most + 3):
        assert ask_for_reset(client, "alice@example.com")[0] == 302
    mails(RESET_ACCOUNT.most)


def test_delete_takes_everything_of_that_person_and_nothing_else(
    client: Client, alice: User
) -> None:
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


def test_theme_is_remembered_without_a_script_and_leads_nowhere_else(client: Client) -> None:
    response = client.post(
        reverse("users:theme"), {"theme": "dark"}, headers={"Referer": "https://evil.example/"}
    )
    assert response.headers["Location"] == "/"
    assert b'data-theme="dark"' in client.get(reverse("users:log_in")).content
    client.post(reverse("users:theme"), {"theme": '"><script>'})
    assert b"data-theme=" not in client.get(reverse("users:log_in")).content
