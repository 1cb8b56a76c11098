"""The search page."""

import datetime
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.models import ChatMessage, Reply
from chat.search.results import Results, search_messages
from tests.factories import make_message, make_persona, make_thread, make_user
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.engines("postgresql")]

# Syntax of the parsers on the way, and characters that are special to one of them.
PIECES = [
    *[
        '"',
        "-",
        "from:",
        "in:",
        "after:",
        "2025-02-30",
        "before:9999-12-31",
        "'",
        "\\",
        "&",
        "|",
        "!",
        "(",
        ")",
        ":*",
        "<->",
        "*",
        "NEAR",
        "AND",
        "OR",
    ],
    *["東", "京都", "é", "%s", "a", "persona:x", "{", "}", "^", "+", "ß", "ſ", "İ"],
    "\0",
    "\ud800",
    " ",
]


def test_filters_work_in_the_page(client: Client) -> None:
    alice, bob = make_user(), make_user("bob")
    work, other = make_persona(alice, "Work"), make_persona(bob, "Other")
    old = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)
    make_message(make_thread(alice, "Trip to Rome", persona=work), "one", created_at=old)
    make_message(make_thread(alice), "two", role="assistant")
    client.force_login(alice)

    def shown(**filters: Any) -> list[str]:
        results: Results = client.get("/search/", filters).context["results"]
        return [hit.content for hit in results.hits] + results.query.notes

    assert shown(thread="trip TO") == ["one"]
    assert shown(thread="nowhere") == ["You have no thread of that title."]
    assert shown(persona=work.pk) == ["one"]
    assert shown(role="assistant") == ["two"]
    assert shown(after="2024-05-02") == ["two"]
    assert shown(before="2024-05-02") == ["one"]
    assert shown(q="one", thread="plans") == []
    assert shown(q="one", persona=other.pk) == [
        "one",
        "Persona was ignored: choose a valid value.",
    ]
    assert shown(q="one", after="soon", role="king") == [
        "one",
        "From was ignored: choose a valid value.",
        "After was ignored: choose a valid value.",
    ]
    page = client.get("/search/", {"q": "one", "page": "400", "best": "1"})
    assert "There are no more results." in page.content.decode()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    typed=st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(PIECES),
            max_size=12,
        ).map("".join),
    ),
    best=st.booleans(),
    after=st.text(max_size=8),
)
def test_no_input_is_an_error(client: Client, typed: str, best: bool, after: str) -> None:
    alice = User.objects.filter(email="alice@example.com").first()
    if alice is None:
        alice = make_user()
        make_message(make_thread(alice), "a b c 東京 é")
    results = search_messages(alice, typed, best=best, after=after)
    for hit in results.hits:
        assert str(hit.snippet)
    client.force_login(alice)
    data = {"q": typed.encode("utf-8", "replace").decode(), "page": after.replace("\ud800", "")}
    assert client.get("/search/", data).status_code == 200


def test_page_shows_messages_threads_and_help(client: Client) -> None:
    alice, bob = make_user(), make_user("bob")
    thread = make_thread(alice, "Birds of the lake")
    message = make_message(thread, "A <i>heron</i>")
    make_message(make_thread(bob, "Birds"), "bob's heron")
    client.force_login(alice)
    page = client.get("/search/", {"q": "heron"})
    assert page.context["results"].hits[0].id == message.pk
    text = page.content.decode()
    assert "A &lt;i&gt;<mark>heron</mark>&lt;/i&gt;" in text
    assert f"/threads/{thread.pk}/?message={message.pk}#m-{message.pk}" in text
    assert "bob" not in text
    part = client.get("/search/", {"q": "birds"}, headers={"HX-Request": "true"})
    assert [found.title for found in part.context["results"].threads] == ["Birds of the lake"]
    assert "<html" not in part.content.decode()
    assert "from:twin" in client.get("/search/").content.decode()
    assert "Nothing matches" in client.get("/search/", {"q": "zebra"}).content.decode()
    wrong = client.get("/search/?q=a%00b&after=x&persona=1&role=king&best=9&page=%00")
    assert wrong.status_code == 200


def test_full_page_needs_no_more_queries_than_one_hit(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    make_message(make_thread(alice), "heron")

    def shown() -> tuple[int, int]:
        counter = Counter()
        with connection.execute_wrapper(counter):
            page = client.get("/search/", {"q": "heron"})
        return len(page.context["results"].hits), counter.count

    shown()  # fills the caches of the process
    hits, one = shown()
    assert hits == 1
    for n in range(10):
        thread = make_thread(alice, f"Heron {n}")
        for _ in range(4):
            make_message(thread, "heron")
    hits, many = shown()
    assert hits == 30
    assert many <= one


class Counter:
    """Counts the statements that pass it."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        return execute(sql, params, many, context)


def test_results_name_the_twin_and_count_one_page(client: Client) -> None:
    alice = make_user("alice")
    client.force_login(alice)
    captain, cook = make_persona(alice, "Captain"), make_persona(alice, "Cook")
    thread = make_thread(alice, persona=captain)
    make_message(thread, "Lemon one", role="twin")
    answer = make_message(thread, "Lemon two", role="twin")
    Reply.objects.create(
        thread=thread, answer=answer, voice="twin", persona=cook, status="complete"
    )
    page = client.get("/search/?q=lemon").content.decode()
    assert re.findall(r"<bdi>(\w+)</bdi>", page) == ["Cook", "Captain"]
    assert "2 messages" in page
    ChatMessage.objects.bulk_create(
        ChatMessage(user=alice, thread=thread, role="user", content="lemon") for _ in range(120)
    )
    page = client.get("/search/?q=lemon").content.decode()
    assert "More than 30 messages" in page
