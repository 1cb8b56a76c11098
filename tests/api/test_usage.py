"""What replies cost: the figures, the person's page and the admin's."""

import datetime
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from api import figures
from api.keys import create_key
from api.models import Exchange, Usage
from chat import replies
from chat.models import Reply
from chat.replies import Outcome
from tests.factories import PASSWORD, make_message, make_persona, make_thread, make_user
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.engines("sqlite", "postgresql")]


def spend(user: User, tokens: int, *, days_ago: int = 0, **fields: object) -> Usage:
    values = {"prompt_tokens": tokens, "completion_tokens": 1, "duration_ms": 1500} | fields
    row = Usage.objects.create(user=user, **values)
    at = timezone.now() - datetime.timedelta(days=days_ago)
    Usage.objects.filter(pk=row.pk).update(created_at=at)
    return row


def reply_of(user: User, **fields: object) -> Reply:
    thread = make_thread(user)
    question = make_message(thread, "How are you?")
    return Reply.objects.create(thread=thread, question=question, voice="assistant", **fields)


def test_reply_is_counted_with_its_key_when_it_ends() -> None:
    alice = make_user()
    reply = reply_of(alice, model="small-model")
    key, _ = create_key(user=alice, name="laptop")
    assert reply.question
    Exchange.objects.create(key=key, thread=reply.thread, question=reply.question, history="")
    outcome = Outcome(
        Reply.Status.COMPLETE, "Fine", prompt_tokens=7, completion_tokens=2, first_text_ms=40
    )
    assert replies.finish(reply.pk, outcome)
    assert replies.finish(reply.pk, outcome) is None
    row = Usage.objects.get()
    assert (row.user, row.key, row.persona, row.model) == (alice, key, None, "small-model")
    assert (row.prompt_tokens, row.completion_tokens, row.is_estimated) == (7, 2, False)
    assert (row.status, row.first_text_ms, row.duration_ms >= 0) == ("complete", 40, True)
    reply.thread.delete()
    assert Usage.objects.count() == 1


@pytest.mark.parametrize("text", ["Fine", ""])
def test_uncounted_tokens_are_estimated_and_marked(text: str) -> None:
    persona = make_persona(make_user())
    reply = reply_of(persona.user, persona=persona, model="m")
    replies.finish(reply.pk, Outcome(Reply.Status.STOPPED, text))
    row = Usage.objects.get()
    assert (row.is_estimated, row.persona, row.status) == (True, persona, "stopped")
    assert (row.prompt_tokens > 0, row.completion_tokens > 0) == (True, bool(text))


def test_counting_fails_or_succeeds_with_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    reply = reply_of(make_user())
    monkeypatch.setattr(replies, "on_end", [*replies.on_end, fail])
    with pytest.raises(RuntimeError):
        replies.finish(reply.pk, Outcome(Reply.Status.COMPLETE, "Fine"))
    reply.refresh_from_db()
    assert (reply.status, Usage.objects.count()) == ("streaming", 0)


def test_figures_are_grouped_and_bounded_to_the_last_days() -> None:
    alice, bob = make_user(), make_user("bob")
    spend(alice, 10, model="a", first_text_ms=100)
    spend(alice, 20, model="b", days_ago=1, is_estimated=True)
    spend(alice, 40, model="b", days_ago=1, duration_ms=500, first_text_ms=300)
    spend(alice, 1000, days_ago=30)
    spend(bob, 5000)
    rows = figures.recent(Usage.objects.filter(user=alice))
    days = [(one.name, one.replies, one.tokens, one.estimated) for one in figures.by_day(rows)]
    today = timezone.localdate()
    yesterday = today - datetime.timedelta(days=1)
    assert days == [(str(today), 1, 11, 0), (str(yesterday), 2, 62, 1)]
    models = figures.by_field(rows, "model", "unknown")
    assert [(one.name, one.seconds, one.first_text_seconds) for one in models] == [
        ("b", "1.0 s", "0.3 s"),
        ("a", "1.5 s", "0.1 s"),
    ]
    assert (figures.total(rows).tokens, figures.total(rows).replies) == (73, 3)


def test_chart_has_a_bar_for_every_day() -> None:
    alice = make_user()
    spend(alice, 99)
    spend(alice, 49, days_ago=29)
    bars = figures.chart(figures.by_day(figures.recent(Usage.objects.all())))
    assert [(bar.tokens, bar.height) for bar in bars if bar.tokens] == [(50, 60), (100, 120)]
    assert (len(bars), bars[-1].day, bars[-1].y) == (30, timezone.localdate(), 0)
    assert {bar.height for bar in figures.chart([])} == {0}


def test_page_shows_ones_own_figures_without_inline_style(client: Client) -> None:
    alice, bob = make_user(), make_user("bob")
    key, _ = create_key(user=alice, name="laptop")
    spend(alice, 1233, model="small-model", key=key, persona=make_persona(alice, "Captain"))
    spend(bob, 777_776, model="bobs-model")
    client.force_login(alice)
    page = client.get(reverse("api:usage")).content.decode()
    names = ["small-model", "laptop", "Captain"]
    assert [name for name in names if f'<th scope="row">{name}</th>' in page] == names
    assert ("1 replies, 1,234 tokens" in page, "bobs-model" in page) == (True, False)
    assert len(re.findall("<rect ", page)) == 30
    assert (" style=" in page, "<script>" in page) == (False, False)
    client.force_login(bob)
    assert "bobs-model" in client.get(reverse("api:usage")).content.decode()


def test_page_without_figures_and_number_of_queries(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    assert "No replies yet." in client.get(reverse("api:usage")).content.decode()
    counts = []
    for rows in (1, 2):
        for number in range(rows):
            spend(alice, 5, model=f"{rows}{number}")
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("api:usage"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_admin_shows_the_sites_figures_and_lists_without_a_query_a_row(client: Client) -> None:
    client.force_login(User.objects.create_superuser("admin@example.com", PASSWORD))
    page = reverse("admin:api_usage_changelist")
    counts = []
    for names in (["alice"], ["bob", "carol"]):
        for name in names:
            user = make_user(name)
            spend(user, 5, model="small-model", key=create_key(user=user, name=name)[0])
        with CaptureQueriesContext(connection) as queries:
            text = client.get(page).content.decode()
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert len(re.findall("<rect ", text)) == 30
    assert '<th scope="row">small-model</th><td>3</td>' in text
    assert client.get(reverse("admin:api_usage_add")).status_code == 403


def test_staff_without_the_right_sees_no_figures(client: Client) -> None:
    client.force_login(make_user("bob", is_staff=True))
    spend(make_user(), 5)
    assert client.get(reverse("admin:api_usage_changelist")).status_code == 403
