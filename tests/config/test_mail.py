"""EMAIL_URL."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.environment import MailServer, mail


def read(monkeypatch: pytest.MonkeyPatch, url: str) -> MailServer:
    monkeypatch.setenv("EMAIL_URL", url)
    return mail("EMAIL_URL")


def test_empty_url_means_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, " ") == MailServer()


@pytest.mark.parametrize(
    ("url", "server"),
    [
        (
            "smtp://me%40example.org:p%40ss@mail.example.org",
            MailServer("mail.example.org", 587, "me@example.org", "p@ss", starttls=True),
        ),
        ("smtps://mail.example.org", MailServer("mail.example.org", 465, implicit_tls=True)),
        ("smtp://localhost:1025", MailServer("localhost", 1025)),
    ],
)
def test_urls_are_read(monkeypatch: pytest.MonkeyPatch, url: str, server: MailServer) -> None:
    assert read(monkeypatch, url) == server


@pytest.mark.parametrize("url", ["mail.example.org", "http://a", "smtp://", "smtp://a:secret:x"])
def test_malformed_url_is_rejected_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read(monkeypatch, url)
    assert "EMAIL_URL is not a mail server's URL" in str(refused.value)
    assert "secret" not in str(refused.value)
