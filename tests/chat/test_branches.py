"""Branches: nothing that was said is lost, and one line of messages is shown."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from chat import branches, conversation, pages, replies
from chat.models import ChatMessage, Reply
from tests.factories import make_message, make_thread, make_user
from threads import organising
from threads.models import Thread

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_model")]


@pytest.fixture
def no_model(settings: Any) -> None:
    settings.OPENAI_BASE_URL = settings.OPENAI_API_KEY = ""


def said(thread: Thread) -> list[str]:
    """Return the messages of the conversation, oldest first."""
    rows = ChatMessage.objects.in_thread(thread).reverse()
    return list(rows.values_list("content", flat=True))


def talk(*texts: str) -> Thread:
    """Return a conversation of these messages, by alice and the assistant in turn."""
    thread = make_thread(make_user(f"alice-{uuid4().hex}"))
    begin = timezone.now() - timedelta(days=1)
    for number, text in enumerate(texts):
        role = ("user", "assistant")[number % 2]
        make_message(thread, text, role=role, created_at=begin + timedelta(minutes=number))
    return thread


def at(thread: Thread, text: str) -> ChatMessage:
    return ChatMessage.objects.in_thread(thread).get(content=text)


def edit(thread: Thread, text: str, new: str) -> None:
    conversation.edit_message(message=at(thread, text), text=new, voice="assistant")


def places(thread: Thread) -> dict[str, str]:
    """Return the arrows that the page shows, such as 2/3, by message."""
    thread.refresh_from_db()
    return {
        entry.message.content: f"{entry.alternatives.number}/{len(entry.alternatives.keys)}"
        for entry in pages.newest(thread).entries
        if entry.alternatives
    }


def step(thread: Thread, text: str, way: str) -> None:
    """Press an arrow beside a message."""
    thread.refresh_from_db()
    entry = next(one for one in pages.newest(thread).entries if one.message.content == text)
    key = getattr(entry.alternatives, way)
    conversation.show_branch(message=ChatMessage.objects.select_related("thread").get(pk=key))


def test_any_question_can_be_written_anew_and_looked_at_again() -> None:
    thread = talk("a", "b", "c", "d", "e", "f")
    edit(thread, "c", "C")
    assert (said(thread), places(thread)) == (["a", "b", "C"], {"C": "2/2"})
    edit(thread, "a", "A")
    edit(thread, "A", "AA")
    assert (said(thread), places(thread)) == (["AA"], {"AA": "3/3"})
    step(thread, "AA", "previous")
    assert (said(thread), places(thread)) == (["A"], {"A": "2/3"})
    step(thread, "A", "previous")
    assert (said(thread), places(thread)) == (["a", "b", "C"], {"a": "1/3", "C": "2/2"})
    step(thread, "C", "previous")
    assert said(thread) == ["a", "b", "c", "d", "e", "f"]
    thread.refresh_from_db()
    last = ChatMessage.objects.in_thread(thread).first()
    assert last
    assert (thread.message_count, thread.last_message_at) == (6, last.created_at)


def test_reply_that_is_written_again_keeps_what_followed() -> None:
    thread = talk("a", "b", "c", "d")
    reply = Reply.objects.create(
        thread=thread, question=at(thread, "a"), answer=at(thread, "b"), voice="twin"
    )
    replies.finish(reply.pk, replies.Outcome(Reply.Status.COMPLETE, "B"))
    assert (said(thread), places(thread)) == (["a", "B"], {"B": "2/2"})
    step(thread, "B", "previous")
    assert said(thread) == ["a", "b", "c", "d"]
    failed = Reply.objects.create(
        thread=thread, question=at(thread, "a"), answer=at(thread, "b"), voice="twin"
    )
    replies.finish(failed.pk, replies.Outcome(Reply.Status.FAILED, ""))
    assert said(thread) == ["a", "b", "c", "d"]


def test_branches_are_hidden_everywhere_else() -> None:
    thread = talk("apple", "b")
    edit(thread, "apple", "pear")
    assert Thread.objects.for_user(thread.user).count() == 1
    assert Thread.objects.deleted_by(thread.user).count() == 0
    assert list(ChatMessage.objects.for_user(thread.user).search("apple")) == []
    assert organising.purge(Thread.objects.all(), timedelta(0)) == 0
    organising.delete(thread=thread)
    assert organising.purge(Thread.objects.all(), timedelta(0)) == 1
    assert ChatMessage.objects.filter(user=thread.user).count() == 0


def test_deleting_leaves_every_other_branch_within_reach() -> None:
    thread = talk("a", "b", "c")
    edit(thread, "c", "C")
    conversation.delete_message(message=at(thread, "C"))
    assert said(thread) == ["a", "b", "c"]
    edit(thread, "c", "C")
    conversation.delete_message(message=at(thread, "b"))
    assert (said(thread), places(thread)) == (["a", "C"], {"C": "2/2"})
    step(thread, "C", "previous")
    assert said(thread) == ["a", "c"]


def test_too_long_branches_are_refused_and_nothing_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thread = talk("a", "b", "c")
    edit(thread, "c", "C")
    monkeypatch.setattr(branches, "MAX_MOVED", 1)
    for change in (
        lambda: edit(thread, "a", "A"),
        lambda: step(thread, "C", "previous"),
        lambda: conversation.answer_again(thread=thread, voice="twin", answer=at(thread, "b")),
    ):
        with pytest.raises(branches.TooLongError):
            change()
    assert said(thread) == ["a", "b", "C"]


def test_replies_of_others_cannot_be_edited_and_in_flight_ones_are_waited_for() -> None:
    thread = talk("a", "b", "c")
    with pytest.raises(conversation.NotLastError):
        edit(thread, "b", "B")
    edit(thread, "c", "C")
    Reply.objects.create(thread=thread, question=at(thread, "C"), voice="twin")
    changes: list[Callable[[], object]] = [
        lambda: edit(thread, "a", "A"),
        lambda: step(thread, "C", "previous"),
    ]
    for change in changes:
        with pytest.raises(replies.InFlightError):
            change()
    assert said(thread) == ["a", "b", "C"]


def test_arrows_and_edit_form_are_on_the_page(client: Client) -> None:
    thread = talk("a", "b")
    client.force_login(thread.user)
    question = at(thread, "a")
    form = client.get(f"/messages/{question.pk}/edit/").content.decode()
    assert "a</textarea>" in form
    assert client.post(f"/messages/{question.pk}/edit/", {"text": "A"}).status_code == 302
    assert "<span>2/2</span>" in client.get(f"/threads/{thread.pk}/").content.decode()
    other = Client()
    other.force_login(make_user("bob"))
    assert other.post(f"/messages/{question.pk}/branch/").status_code == 404
    response = client.post(f"/messages/{question.pk}/branch/")
    assert response.status_code == 302
    page = client.get(response["Location"]).content.decode()
    assert "<span>1/2</span>" in page
    assert said(thread) == ["a", "b"]
    assert client.post(f"/messages/{question.pk}/branch/").status_code == 302  # it is shown


@pytest.mark.usefixtures("no_model")
class TestAnything(TestCase):
    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(["edit", "previous", "next"]), st.integers(0, 5))))
    def test_every_line_can_be_reached_again(self, moves: list[tuple[str, int]]) -> None:
        thread = talk("a", "b", "c", "d", "e")
        lines = {tuple(said(thread))}
        for number, (move, place) in enumerate(moves):
            entries = pages.newest(thread).entries
            entry = entries[place % len(entries)]
            if move == "edit" and entry.message.role == "user":
                edit(thread, entry.message.content, f"new {number}")
            elif move != "edit" and entry.alternatives and getattr(entry.alternatives, move):
                step(thread, entry.message.content, move)
            lines.add(tuple(said(thread)))
            thread.refresh_from_db()
            assert thread.message_count == len(said(thread))
        texts = {text for line in lines for text in line}
        everything = ChatMessage.objects.filter(user=thread.user)
        assert set(everything.values_list("content", flat=True)) == texts
        assert everything.count() == len(texts)
