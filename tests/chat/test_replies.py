"""Replies whose worker is gone, and those whose database was."""

import asyncio
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from chat import conversation, replies
from chat.generation import engine, produce, provider
from chat.generation.chunks import Chunk
from chat.generation.in_flight import InFlightReply
from chat.models import ChatMessage, Reply
from chat.querysets import ABANDONED_AFTER
from tests.factories import make_message, make_thread, make_user

pytestmark = pytest.mark.engines("sqlite", "postgresql")

LONG_AGO = ABANDONED_AFTER + timedelta(seconds=1)


def make_reply(**fields: Any) -> Reply:
    """Return a reply in flight that nobody has written for a while."""
    thread = make_thread(make_user())
    question = make_message(thread)
    silent = timezone.now() - LONG_AGO
    fields = {"voice": "assistant", "text": "So far", "heartbeat_at": silent} | fields
    return Reply.objects.create(thread=thread, question=question, **fields)


def beat(reply: Reply) -> None:
    """Write the reply's heartbeat, as its worker does."""
    replies.write_progress([], [reply.pk])


@pytest.mark.django_db
def test_silent_reply_is_interrupted_at_the_second_look() -> None:
    reply = make_reply()
    assert replies.interrupt_suspects(set()) == {reply.pk}
    reply.refresh_from_db()
    assert reply.status == "streaming"
    assert replies.interrupt_suspects({reply.pk}) == set()
    reply.refresh_from_db()
    assert (reply.status, reply.answer and reply.answer.content) == ("interrupted", "So far")


@pytest.mark.django_db
def test_reply_whose_worker_speaks_again_goes_on() -> None:
    reply = make_reply()
    suspects = replies.interrupt_suspects(set())
    beat(reply)
    assert replies.interrupt_suspects(suspects) == set()
    reply.refresh_from_db()
    assert reply.status == "streaming"


@pytest.mark.django_db
def test_person_who_speaks_on_does_not_wait_for_a_dead_worker(settings: Any) -> None:
    settings.OPENAI_BASE_URL = ""
    reply = make_reply()
    turn = conversation.send_message(thread=reply.thread, text="Still there?", voice="assistant")
    contents = reply.thread.messages.order_by("created_at").values_list("content", flat=True)
    assert list(contents) == ["Hello", "So far", "Still there?"]
    assert turn.message.content == "Still there?"


class Away:
    """A database that answers no call for some calls, from whichever thread."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    async def __call__(self, call: Any, *args: Any) -> Any:
        if call is replies.finish and self.left > 0:
            self.left -= 1
            raise OperationalError("the database is away")
        return await asyncio.get_running_loop().run_in_executor(None, in_thread, call, *args)


def in_thread(call: Any, *args: Any) -> Any:
    from django.db import connection

    try:
        return call(*args)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_end_waits_for_the_database(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(produce, "MAX_PAUSE", 0.5)
    settings.OPENAI_MODEL = "small-model"
    reply = make_reply(text="", heartbeat_at=timezone.now(), model="small-model")

    async def stream(**_: Any) -> Any:
        for chunk in (Chunk("All of "), Chunk("it"), Chunk("", "stop")):
            yield chunk

    monkeypatch.setattr(provider, "stream", stream)
    database = Away(3)
    asyncio.run(produce.produce(InFlightReply(reply.pk), database))
    assert database.left == 0
    reply.refresh_from_db()
    assert (reply.status, reply.answer and reply.answer.content) == ("complete", "All of it")


@pytest.mark.django_db(transaction=True)
def test_message_said_while_a_reply_ends_comes_after_it(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    reply = make_reply(heartbeat_at=timezone.now())
    with pytest.raises(replies.InFlightError):
        conversation.answer_again(thread=reply.thread, voice="twin")
    with pytest.raises(replies.InFlightError):
        conversation.edit_message(message=reply.question, text="Other", voice="twin")  # type: ignore[arg-type]  # a question is there
    for message in ChatMessage.objects.all():
        with pytest.raises(replies.InFlightError):
            conversation.delete_message(message=message)
    monkeypatch.setattr(engine.engine, "start", lambda *_: None)
    replies.finish(reply.pk, replies.Outcome(Reply.Status.COMPLETE, "Ahead of time"))
    ahead = timezone.now() + timedelta(minutes=5)  # the other worker's clock
    ChatMessage.objects.filter(role="assistant").update(created_at=ahead)
    conversation.send_message(thread=reply.thread, text="And then?", voice="twin")
    contents = reply.thread.messages.order_by("created_at").values_list("content", flat=True)
    assert list(contents) == ["Hello", "Ahead of time", "And then?"]


@pytest.mark.django_db(transaction=True)
def test_sweeps_at_once_interrupt_a_reply_once() -> None:
    reply = make_reply()
    found: list[bool] = []

    def sweep() -> None:
        found.append(in_thread(replies.interrupt_suspects, {reply.pk}) == set())

    sweeps = [threading.Thread(target=sweep) for _ in range(4)]
    for one in sweeps:
        one.start()
    for one in sweeps:
        one.join()
    assert found == [True] * 4
    assert reply.thread.messages.filter(role="assistant").count() == 1


@pytest.mark.django_db
def test_key_that_was_used_for_another_text_keeps_both(settings: Any) -> None:
    settings.OPENAI_BASE_URL = ""
    thread = make_thread(make_user())
    key = uuid.uuid4()
    first = conversation.send_message(thread=thread, text="First", voice="twin", key=key)
    again = conversation.send_message(thread=thread, text="First", voice="twin", key=key)
    assert (again.message, again.is_new) == (first.message, False)
    with pytest.raises(conversation.IdempotencyConflictError):
        conversation.send_message(thread=thread, text="Second", voice="twin", key=key)
    assert list(thread.messages.values_list("content", flat=True)) == ["First"]


@pytest.mark.django_db
def test_worker_that_was_cut_off_saves_what_it_has_beyond_the_row() -> None:
    reply = make_reply()
    replies.interrupt_suspects({reply.pk})
    replies.finish(reply.pk, replies.Outcome(Reply.Status.COMPLETE, "So far and to the end"))
    reply.refresh_from_db()
    assert (reply.status, reply.answer and reply.answer.content) == (
        "interrupted",
        "So far and to the end",
    )
    assert reply.thread.messages.filter(role="assistant").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["", "So", "So far", "Something else", "So far \n"])
def test_text_that_does_not_continue_the_saved_one_changes_nothing(text: str) -> None:
    reply = make_reply()
    replies.interrupt_suspects({reply.pk})
    assert replies.finish(reply.pk, replies.Outcome(Reply.Status.COMPLETE, text)) is None
    reply.refresh_from_db()
    assert reply.answer
    assert reply.answer.content == "So far"


@pytest.mark.django_db
def test_text_of_a_worker_that_had_saved_none_is_kept() -> None:
    reply = make_reply(text="")
    replies.interrupt_suspects({reply.pk})
    assert not reply.thread.messages.filter(role="assistant").exists()
    replies.finish(reply.pk, replies.Outcome(Reply.Status.COMPLETE, "All of it"))
    assert reply.thread.messages.get(role="assistant").content == "All of it"


@pytest.mark.django_db
def test_stopped_reply_is_not_extended() -> None:
    reply = make_reply(heartbeat_at=timezone.now())
    replies.finish(reply.pk, replies.Outcome(Reply.Status.STOPPED, "So far"))
    replies.finish(reply.pk, replies.Outcome(Reply.Status.COMPLETE, "So far and on"))
    assert reply.thread.messages.get(role="assistant").content == "So far"


@pytest.mark.django_db(transaction=True)
def test_who_sends_while_the_worker_comes_back_does_not_cut_its_reply(settings: Any) -> None:
    settings.OPENAI_BASE_URL = ""
    reply = make_reply()
    worker = threading.Thread(target=in_thread, args=(beat, reply))
    worker.start()
    with pytest.raises(replies.InFlightError):
        conversation.send_message(thread=reply.thread, text="There?", voice="assistant")
    worker.join()
    reply.refresh_from_db()
    assert reply.status == "streaming"


@pytest.mark.django_db(transaction=True)
def test_outcome_that_the_database_rejects_is_saved_without_its_details() -> None:
    reply = make_reply(text="", heartbeat_at=timezone.now())
    outcome = replies.Outcome(Reply.Status.COMPLETE, "Hello", prompt_tokens=2**70)

    async def save() -> None:
        await produce._save(InFlightReply(reply.pk), outcome, Away(0))

    asyncio.run(save())
    reply.refresh_from_db()
    assert (reply.status, reply.prompt_tokens) == ("complete", None)
    assert reply.answer
    assert reply.answer.content == "Hello"
