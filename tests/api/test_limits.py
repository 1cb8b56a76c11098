"""Limits of programs: requests a minute, by key, person and address, and tokens a day."""

from typing import Any

import pytest
from django.test import Client

from api import limits
from api.keys import create_key
from api.models import Usage
from chat.generation import engine
from chat.models import ChatMessage
from tests.api.browser import Browser
from tests.factories import make_thread, make_user
from users.models import Attempt, User

pytestmark = pytest.mark.django_db
BODY = {"model": "nobody", "messages": [{"role": "user", "content": "Hello"}]}


def ask(token: str) -> Any:
    """Ask for a model that does not exist: it is counted all the same."""
    headers = {"Authorization": f"Bearer {token}"}
    return Client().post(
        "/v1/chat/completions", BODY, content_type="application/json", headers=headers
    )


def key_of(user: User) -> str:
    return create_key(user=user, name="key", scope="everything")[1]


def spend(user: User, tokens: int) -> None:
    Usage.objects.create(user=user, prompt_tokens=tokens, completion_tokens=0, duration_ms=1)


def test_key_person_and_address_have_limits_of_their_own(settings: Any) -> None:
    settings.API_CHATS_PER_MINUTE = 2
    alice, bob = make_user(), make_user("bob")
    first, second, third = (key_of(alice) for _ in range(3))
    assert [ask(first).status_code for _ in range(3)] == [404, 404, 429]
    assert [ask(second).status_code for _ in range(2)] == [404, 404]
    assert ask(third).status_code == 429  # the person's
    assert [ask(key_of(bob)).status_code for _ in range(4)] == [404] * 4
    assert ask(key_of(make_user("carol"))).status_code == 429  # the address's


def test_answer_tells_what_is_left(settings: Any) -> None:
    settings.API_CHATS_PER_MINUTE = 2
    token = key_of(make_user())
    headers = [ask(token).headers for _ in range(3)]
    left = [one["x-ratelimit-remaining-requests"] for one in headers]
    assert left == ["1", "0", "0"]
    assert {one["x-ratelimit-limit-requests"] for one in headers} == {"2"}
    assert "Retry-After" not in headers[1]
    assert 1 <= int(headers[2]["Retry-After"]) <= 60
    assert headers[2]["x-ratelimit-reset-requests"] == f"{headers[2]['Retry-After']}s"
    answer = ask(token).json()["error"]
    assert (answer["type"], answer["code"]) == ("rate_limit_error", "rate_limit_exceeded")


def test_zero_is_no_limit(settings: Any) -> None:
    settings.API_CHATS_PER_MINUTE = 0
    token = key_of(make_user())
    assert {ask(token).status_code for _ in range(5)} == {404}
    assert Attempt.objects.count() == 0


def test_browser_client_is_limited_but_never_logged_out(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_CHATS_PER_MINUTE = 1
    monkeypatch.setattr(limits, "SEARCHES", 1)
    monkeypatch.setattr(limits, "EXPORTS", 1)
    browser = Browser()
    browser.sign_up()
    assert [browser.post("/chat/message", {"message": "Hi"})[0] for _ in range(2)] == [200, 429]
    assert [browser.get(f"/chat/search?q=a{n}")[0] for n in range(2)] == [200, 429]
    assert browser.get("/chat/search?q=a0")[0] == 200  # found before
    assert [browser.get(f"/chat/export/{kind}")[0] for kind in ("json", "csv")] == [200, 429]
    status, answer = browser.get("/chat/export/json")
    assert (status, tuple(answer)) == (429, ("error",))
    for path in ("/auth/me", "/personas/me"):
        assert {browser.get(path)[0] for _ in range(5)} == {200}


def test_days_budget_ends_every_persons_own_replies(
    settings: Any, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(engine.engine, "start", lambda *_: None)
    settings.DAILY_TOKENS = 100
    settings.OPENAI_API_KEY = "key"
    alice, bob = make_user(), make_user("bob")
    thread = make_thread(alice)
    spend(bob, 100)
    spend(alice, 99)
    client.force_login(alice)
    page = f"/threads/{thread.pk}/messages/"
    headers = {"HX-Request": "true"}
    assert client.post(page, {"text": "Hi"}, headers=headers).status_code == 200
    thread.replies.update(status="complete")
    spend(alice, 1)
    response = client.post(page, {"text": "Hello"}, headers=headers)
    assert (response.status_code, "Try again tomorrow" in response.content.decode()) == (429, True)
    browser = Browser(key_of(alice))
    status, answer = browser.post("/chat/message", {"message": "Hello"})
    assert (status, answer["error"], tuple(answer)) == (
        *(200, "You have used up the tokens that this site allows a person in a day."),
        ("error", "message"),
    )
    completion = Client().post(
        "/v1/chat/completions",
        BODY | {"model": "assistant"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {browser.token}"},
    )
    assert (completion.status_code, completion.json()["error"]["code"]) == (
        *(429, "daily_tokens_exceeded"),
    )
    assert completion.headers["x-should-retry"] == "false"
    assert 1 <= int(completion.headers["Retry-After"]) <= 86_400
    assert list(ChatMessage.objects.values_list("content", flat=True)) == ["Hi"]


def test_yesterdays_tokens_do_not_count(settings: Any) -> None:
    settings.DAILY_TOKENS = 1
    alice = make_user()
    spend(alice, 5)
    Usage.objects.update(created_at=limits.today() - limits.MINUTE)
    limits.check_budget(alice.pk)
    assert limits.tokens_since(alice.pk, limits.today()) == 0
