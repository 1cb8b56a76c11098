"""Who may sign up."""

import time

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from tests.factories import PASSWORD, make_user
from users.models import User

SIGN_UP = "/account/sign-up/"
pytestmark = pytest.mark.django_db


def sign_up(address: str, email: str) -> int:
    data = {"email": email, "password": PASSWORD, "name": "Alice"}
    return Client().post(address, data).status_code


def sign_up_by_api(email: str) -> int:
    data = {"email": email, "password": PASSWORD, "name": "Alice"}
    return Client().post("/api/auth/signup", data, "application/json").status_code


def invite(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("invite", *arguments)
    return capsys.readouterr().out.strip()


def test_sign_up_is_for_those_whom_the_operator_admits(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "sign-up" in Client().get("/account/log-in/").content.decode()
    settings.SIGN_UP = ["example.org"]
    assert sign_up(SIGN_UP, "alice@example.com") == 422
    assert sign_up(SIGN_UP, "alice@example.org.evil.com") == 422
    assert sign_up_by_api("alice@example.com") == 403
    assert sign_up(SIGN_UP, "alice@Example.org") == 302
    settings.SIGN_UP = ["closed"]
    assert "sign-up" not in Client().get("/account/log-in/").content.decode()
    assert Client().get(SIGN_UP).status_code == 403
    assert sign_up(SIGN_UP, "bob@example.org") == 403
    assert sign_up_by_api("bob@example.org") == 403
    settings.SITE_URL = "https://chat.example.org"
    link = invite(capsys, "Bob@example.com")
    assert link.startswith(f"https://chat.example.org{SIGN_UP}?invitation=")
    address = link.removeprefix(settings.SITE_URL)
    page = Client().get(address)
    assert (page.status_code, "bob@example.com" in page.content.decode()) == (200, True)
    assert sign_up(address, "mallory@example.com") == 422
    assert sign_up(f"{address}x", "bob@example.com") == 403
    expired = time.time() + 7 * 24 * 3600
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: expired)
        assert sign_up(address, "bob@example.com") == 403
    assert sign_up(address, "bob@example.com") == 302
    assert sign_up(address, "bob@example.com") == 422  # once
    emails = set(User.objects.values_list("email", flat=True))
    assert emails == {"alice@example.org", "bob@example.com"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["alice"], "alice is not an e-mail address."),
        (["alice@example.com"], "alice@example.com has an account already."),
        (["bob@example.com", "--days", "0"], "--days must be 1 or more."),
    ],
)
def test_invitation_that_cannot_work_is_refused(arguments: list[str], message: str) -> None:
    make_user()
    with pytest.raises(CommandError, match=message):
        call_command("invite", *arguments)
