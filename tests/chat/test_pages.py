"""A page of a conversation, from any end of it."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat import pages
from chat.models import ChatMessage, Reply
from tests.factories import make_message, make_persona, make_thread, make_user
from threads.models import Thread

pytestmark = [pytest.mark.django_db, pytest.mark.engines("sqlite", "postgresql")]


def fill(thread: Thread, count: int) -> list[ChatMessage]:
    roles = ["user", "assistant"]
    return ChatMessage.objects.bulk_create(
        ChatMessage(user=thread.user, thread=thread, role=roles[n % 2], content=f"Number {n}")
        for n in range(count)
    )


def contents(page: pages.MessagePage) -> list[str]:
    return [entry.message.content for entry in page.entries]


def numbers(start: int, stop: int) -> list[str]:
    return [f"Number {n}" for n in range(start, stop)]


def test_stretches_join_without_a_gap_or_an_overlap() -> None:
    thread = make_thread(make_user())
    messages = fill(thread, 100)
    newest = pages.newest(thread)
    assert (contents(newest), newest.has_older) == (numbers(80, 100), True)
    older = pages.older(thread, newest.entries[0].message)
    assert (contents(older), older.has_older) == (numbers(40, 80), True)
    oldest = pages.older(thread, older.entries[0].message)
    assert (contents(oldest), oldest.has_older) == (numbers(0, 40), False)
    around = pages.around(thread, messages[50])
    assert (contents(around), around.has_older, around.has_newer) == (
        numbers(10, 66),
        True,
        True,
    )
    newer = pages.newer(thread, around.entries[-1].message)
    assert (contents(newer), newer.has_newer) == (numbers(66, 100), False)
    assert [entry.message for entry in around.entries if entry.is_target] == [messages[50]]


def test_page_takes_as_many_queries_for_six_messages_as_for_two(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    taken = []
    for count in (2, 6):
        thread = make_thread(alice)
        for message in fill(thread, count):
            if message.role == "assistant":
                Reply.objects.create(
                    thread=thread, answer=message, voice="assistant", status="complete"
                )
        for _ in ("renders the messages", "reads them"):
            with CaptureQueriesContext(connection) as captured:
                assert client.get(f"/threads/{thread.pk}/").status_code == 200
            taken.append(len(captured))
    assert (taken[0], taken[1]) == (taken[2], taken[3])
    assert taken[1] < taken[0]


def test_long_conversation_opens_with_its_latest_messages_alone(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    shown = []
    for count in (200, 2_000):
        thread = make_thread(alice)
        fill(thread, count)
        with CaptureQueriesContext(connection) as captured:
            page = client.get(f"/threads/{thread.pk}/").content.decode()
        assert f"Number {count - 1}" in page
        shown.append((page.count("Number "), len(captured)))
    assert shown[0] == shown[1]


def test_page_says_once_that_no_model_is_connected(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    thread = make_thread(alice)
    page = client.get(f"/threads/{thread.pk}/").content.decode()
    assert page.count("No model is connected yet") == 1
    assert "OPENAI_BASE_URL" in page
    answer = client.post(f"/threads/{thread.pk}/messages/", {"text": "Still mine"})
    assert answer.status_code == 302
    assert thread.messages.get().content == "Still mine"
    assert Reply.objects.count() == 0


def test_without_javascript_forms_lead_back_to_the_page(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    thread = make_thread(alice)
    path = f"/threads/{thread.pk}/"
    assert client.post(f"{path}messages/", {"text": "Hello"}).headers["Location"] == f"{path}#end"
    message = thread.messages.get()
    client.post(f"/messages/{message.pk}/edit/", {"text": "Hello you"})
    edited = thread.messages.get()
    assert (edited.content, ChatMessage.objects.get(pk=message.pk).content) == (
        "Hello you",
        "Hello",
    )
    assert client.post(f"/messages/{edited.pk}/delete/").headers["Location"] == path
    assert thread.messages.get().content == "Hello"  # what it replaced takes its place
    client.post(f"/messages/{message.pk}/delete/")
    assert thread.messages.count() == 0
    refused = client.post(f"{path}messages/", {"text": "  \n"}, follow=True)
    assert "Write something first." in refused.content.decode()


def test_without_javascript_a_refused_text_is_still_there(client: Client, settings: Any) -> None:
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    alice = make_user()
    client.force_login(alice)
    thread = make_thread(alice)
    question = make_message(thread, "First")
    Reply.objects.create(thread=thread, question=question, voice="assistant")
    sends = [f"/threads/{thread.pk}/messages/", f"/messages/{question.pk}/edit/"]
    for path in sends:
        page = client.post(path, {"text": "\nTwo <lines>\r\nof mine", "voice": "twin"})
        assert page.status_code == 409
        assert 'aria-describedby="composer-help">\nTwo &lt;lines&gt;\nof mine</textarea>' in (
            page.content.decode().replace("\r", "")
        )
        assert 'value="twin" checked' in page.content.decode()
    delete = client.post(f"/messages/{question.pk}/delete/", follow=True)
    assert "A reply is being written" in delete.content.decode()
    assert thread.messages.get() == question


def test_line_ends_count_once_in_the_length_of_a_message(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    thread = make_thread(alice)
    path = f"/threads/{thread.pk}/messages/"
    assert client.post(path, {"text": "a\r\n" * 49_999 + "ab"}).status_code == 302
    assert thread.messages.get().content == "a\n" * 49_999 + "ab"
    assert client.post(path, {"text": "a" * 100_001}).status_code == 422
    assert thread.messages.count() == 1


def test_pages_of_a_conversation_stay_in_no_cache(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    message = make_message(make_thread(alice))
    for path in (f"/threads/{message.thread_id}/", f"/messages/{message.pk}/text/"):
        assert "no-store" in client.get(path).headers["Cache-Control"]


def test_twin_keeps_its_name_when_the_thread_moves(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    captain, cook = make_persona(alice, "Captain"), make_persona(alice, "Cook")
    thread = make_thread(alice, persona=captain)
    question = make_message(thread)
    answer = make_message(thread, "Ahoy", role="twin")
    Reply.objects.create(
        thread=thread,
        question=question,
        answer=answer,
        voice="twin",
        status="complete",
        persona=captain,
    )
    Thread.objects.update(persona=cook)
    page = pages.newest(Thread.objects.get())
    assert [entry.speaker for entry in page.entries] == [cook, captain]
    assert f'aria-label="Captain, {answer.created_at:%-d %B %Y}' in (
        client.get(f"/threads/{thread.pk}/").content.decode().replace("\n", "")
    )


def test_twin_without_a_persona_is_not_shown_as_the_assistant(client: Client) -> None:
    thread = make_thread(make_user())
    client.force_login(thread.user)
    shown = {}
    for role in ("assistant", "twin"):
        message = make_message(thread, "Hi", role=role)
        page = client.get(thread.get_absolute_url()).content.decode()
        entry = page[page.index(f"m-{message.pk}") :]
        shown[role] = entry[entry.index('class="speaker"') : entry.index('class="name"')]
    assert "#spark" in shown["assistant"]
    assert "#spark" not in shown["twin"]
    assert 'class="dot"' in shown["twin"]


def test_message_leads_to_its_place(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    message = make_message(make_thread(alice))
    answer = client.get(f"/messages/{message.pk}/")
    assert answer.headers["Location"] == message.get_absolute_url()
    assert f'id="m-{message.pk}"' in client.get(answer.headers["Location"]).content.decode()


def test_deleted_threads_messages_are_not_found(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    message = make_message(make_thread(alice))
    Thread.objects.update(deleted_at=message.created_at)
    assert client.get(f"/messages/{message.pk}/text/").status_code == 404


def test_thread_uses_the_model_that_was_chosen(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    thread = make_thread(alice)
    client.post(f"/threads/{thread.pk}/models/", {"model": "large-model"})
    thread.refresh_from_db()
    assert thread.model == "large-model"


def test_twin_answers_in_a_new_thread_and_who_answered_last_in_others(client: Client) -> None:
    alice = make_user("alice")
    client.force_login(alice)
    thread = make_thread(alice, persona=make_persona(alice, "Captain"))
    checked = re.compile(r'name="voice" value="(\w+)" checked')
    for reply in (None, Reply.Voice.ASSISTANT, Reply.Voice.TWIN):
        if reply:
            Reply.objects.create(thread=thread, voice=reply, status=Reply.Status.COMPLETE)
        page = client.get(thread.get_absolute_url()).content.decode()
        assert checked.findall(page) == [reply or "twin"]
