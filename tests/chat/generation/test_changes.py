"""What becomes of a reply whose thread, persona or person changes or goes meanwhile."""

import threading
import time

import pytest

from chat.models import ChatMessage, Reply
from personas.models import Persona
from tests.chat.generation.test_stream import heard, say, wait_for
from tests.chat.provider_server import ProviderServer
from tests.factories import PASSWORD, make_persona, make_thread, make_user
from tests.site import Site, Visitor
from threads.models import Thread
from users.models import User


def test_reply_outlives_its_persona(site: Site) -> None:
    alice = make_user()
    make_persona(alice, "Cook", is_active=True)
    captain = make_persona(alice, "Captain", is_active=False)
    thread = make_thread(alice, persona=captain)
    visitor = site.log_in(alice)
    reply = say(visitor, thread, "Hello words=20 pause=0.1", voice="twin")
    status, _ = visitor.post(f"/personas/{captain.pk}/delete/")
    assert status in {200, 302}
    assert not Persona.objects.filter(pk=captain.pk).exists()
    words, status_of_reply = heard(visitor, reply)
    assert (len(words.split()), status_of_reply) == (20, "complete")
    reply.refresh_from_db()
    assert reply.persona is None
    assert visitor.get(f"/threads/{thread.pk}/")[0] == 200


def test_reply_of_a_thread_that_moves_is_the_first_personas(
    site: Site, provider: ProviderServer
) -> None:
    alice = make_user()
    captain, cook = make_persona(alice, "Captain"), make_persona(alice, "Cook")
    thread = make_thread(alice, persona=captain)
    visitor = site.log_in(alice)
    reply = say(visitor, thread, "Hello words=20 pause=0.1", voice="twin")
    Thread.objects.update(persona=cook)
    *_, end = (event for event in visitor.follow(reply.pk) if event.name == "end")
    assert "Captain" in end.data["html"]
    assert "Cook" not in end.data["html"]
    page = visitor.get(f"/threads/{thread.pk}/")[1].partition('id="entries"')[2]
    assert "Captain" in page.partition("composer")[0]


def test_thread_that_is_deleted_meanwhile_comes_back_with_the_reply(site: Site) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    reply = say(visitor, thread, "Hello words=15 pause=0.1")
    visitor.post(f"/threads/{thread.pk}/delete/")
    assert visitor.get(f"/replies/{reply.pk}/stream/")[0] == 404
    wait_for(lambda: not Reply.objects.in_flight().exists())
    visitor.post(f"/threads/{thread.pk}/restore/")
    answer = thread.messages.get(role="assistant")
    assert len(answer.content.split()) == 15
    assert visitor.get(f"/threads/{thread.pk}/")[0] == 200


@pytest.mark.parametrize("pause", [0.02, 0.1])
def test_accounts_that_are_deleted_meanwhile_leave_nothing(site: Site, pause: float) -> None:
    people = [make_user(f"alice{number}") for number in range(6)]
    visitors = [site.log_in(person) for person in people]
    for number, (person, visitor) in enumerate(zip(people, visitors, strict=True)):
        for extra in range(3):
            say(visitor, make_thread(person), f"words={8 + 2 * number + extra} pause={pause}")
    answers: list[int] = []

    def delete(visitor: Visitor) -> None:
        form = {"delete-password": PASSWORD}
        answers.append(visitor.post("/account/delete/", **form)[0])

    leaving = [threading.Thread(target=delete, args=(visitor,)) for visitor in visitors]
    for one in leaving:
        one.start()
        time.sleep(pause)
    for one in leaving:
        one.join()
    assert answers == [302] * 6
    wait_for(lambda: not Reply.objects.exists())
    time.sleep(1)
    assert [User.objects.count(), ChatMessage.objects.count(), Thread.objects.count()] == [0] * 3
