"""Pages are in the language that the person chose, or in the browser's."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone, translation

from config.template_tags import ago
from tests.factories import make_user

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9,en;q=0.5"}


def language_of(client: Client, path: str, **headers: str) -> tuple[str, str]:
    """Return the language of a page, and its heading."""
    page = client.get(path, **headers).content.decode()  # type: ignore[arg-type]  # headers only
    language, heading = re.findall(r'<html lang="(\w+)"|<h1[^>]*>([^<]+)</h1>', page)
    return language[0], heading[1]


@pytest.mark.django_db
def test_language_follows_the_browser_until_it_is_chosen(client: Client) -> None:
    path = "/account/reset/"
    assert language_of(client, path) == ("en", "Forgot your password?")
    assert language_of(client, path, HTTP_ACCEPT_LANGUAGE="xx") == ("en", "Forgot your password?")
    assert language_of(client, path, **GERMAN) == ("de", "Passwort vergessen?")
    answer = client.post("/account/language/", {"language": "de"}, HTTP_REFERER=path)
    assert (answer.status_code, answer.headers["Location"]) == (302, path)
    assert language_of(client, path) == ("de", "Passwort vergessen?")
    client.post("/account/language/", {"language": "en"})
    assert language_of(client, path, **GERMAN) == ("en", "Forgot your password?")


@pytest.mark.django_db
def test_language_can_be_chosen_on_the_account_page(client: Client) -> None:
    client.force_login(make_user("alice"))
    client.post("/account/language/", {"language": "de"})
    page = client.get("/account/").content.decode()
    chosen = re.findall(r'name="language" value="(\w+)"[^>]*aria-pressed="true"', page)
    assert chosen == ["de"]


@pytest.mark.django_db
def test_programs_are_answered_in_english(client: Client) -> None:
    answer = client.get("/api/v2/threads", **GERMAN)  # type: ignore[arg-type]  # headers only
    assert answer.headers["Content-Language"] == "en"


@pytest.mark.django_db
def test_texts_of_scripts_are_kept_by_browsers_and_exist_for_each_language(client: Client) -> None:
    page = client.get("/account/log-in/", **GERMAN).content.decode()  # type: ignore[arg-type]
    address = re.search(r'src="(/texts/de-[0-9a-f]+\.js)"', page)
    assert address
    answer = client.get(address[1])
    assert b"gettext" in answer.content
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "immutable" not in client.get("/texts/de-0.js").headers["Cache-Control"]
    assert client.get("/texts/xx-0.js").status_code == 404


@pytest.mark.parametrize(
    ("days", "english", "german"),
    [(0, "just now", "gerade eben"), (3, "3 days ago", "vor 3 Tagen")],
)
def test_times_are_told_in_the_cases_of_the_language(days: int, english: str, german: str) -> None:
    timestamp = timezone.now() - timedelta(days=days)
    with translation.override("en"):
        assert ago(timestamp).replace("\xa0", " ") == english
    with translation.override("de"):
        assert ago(timestamp).replace("\xa0", " ") == german
