"""The engine in this process, with a model server that writes for a long time."""

from collections.abc import Iterator
from typing import Any

import pytest

from chat import conversation, replies
from chat.generation.engine import Engine, engine
from chat.models import Reply
from tests.chat.provider_server import ProviderServer
from tests.factories import make_thread, make_user
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connected(provider: ProviderServer, settings: Any) -> Iterator[Engine]:
    """Connect a model; the engine runs in a thread of this process."""
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = provider.url, "sk-engine"
    settings.OPENAI_MODEL, settings.OPENAI_TIMEOUT = "small-model", 3600
    yield engine
    wait_for(all_stopped)


def all_stopped() -> bool:
    """Stop all replies, also one that the engine has not begun yet; return whether all ended."""
    for reply_id in {*engine.in_flight, *Reply.objects.in_flight().values_list("pk", flat=True)}:
        engine.stop(reply_id)
    return not engine.in_flight and not Reply.objects.in_flight().exists()


def test_generation_ends_when_its_row_is_gone(connected: Engine) -> None:
    thread = make_thread(make_user())
    text = "Hello words=2 hold=1"
    turn = conversation.send_message(thread=thread, text=text, voice="assistant")
    assert turn.reply
    wait_for(lambda: Reply.objects.exclude(text="").exists())
    Reply.objects.all().delete()
    wait_for(lambda: turn.reply.pk not in connected.in_flight)  # type: ignore[union-attr]  # above
    assert list(thread.messages.values_list("role", flat=True)) == ["user"]


def test_person_has_a_few_replies_in_flight_at_most(connected: Engine) -> None:
    alice, bob = make_user(), make_user("bob")
    text = "Hello words=2 hold=1"
    for number in range(replies.MAX_IN_FLIGHT):
        thread = make_thread(alice, f"Thread {number}")
        conversation.send_message(thread=thread, text=text, voice="assistant")
    one_more = make_thread(alice, "One more")
    with pytest.raises(replies.TooManyInFlightError):
        conversation.send_message(thread=one_more, text=text, voice="assistant")
    assert not one_more.messages.exists()
    his = conversation.send_message(thread=make_thread(bob), text=text, voice="assistant")
    assert his.reply
    conversation.stop(reply=Reply.objects.filter(thread__user=alice).latest("created_at"))
    wait_for(lambda: Reply.objects.in_flight().filter(thread__user=alice).count() < 5)
    assert conversation.send_message(thread=one_more, text=text, voice="assistant").reply
