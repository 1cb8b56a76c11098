"""What becomes of a reply whose thread, persona or person changes or goes meanwhile."""

import threading

import pytest

from chat.models import ChatMessage, Reply
from personas.models import Persona
from tests.chat.provider_server import ProviderServer
from tests.factories import PASSWORD, make_persona, make_thread, make_user
from tests.site import Site, Visitor
from tests.waiting import wait_for
from threads.models import Thread
from users.models import User


def test_reply_outlives_its_persona(site: Site, provider: ProviderServer) -> None:
    alice = make_user()
    make_persona(alice, "Cook", is_active=True)
    captain = make_persona(alice, "Captain", is_active=False)
    thread = make_thread(alice, persona=captain)
    visitor = site.log_in(alice)
    reply = visitor.send(thread, "Hello words=20 hold=1", voice="twin")
    status, _ = visitor.post(f"/personas/{captain.pk}/delete/")
    assert status in {200, 302}
    assert not Persona.objects.filter(pk=captain.pk).exists()
    words, status_of_reply = visitor.read(reply, on_first=provider.release)
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
    reply = visitor.send(thread, "Hello words=20 hold=1", voice="twin")
    Thread.objects.update(persona=cook)
    provider.release()
    *_, end = (event for event in visitor.follow(reply.pk) if event.name == "end")
    assert "Captain" in end.data["html"]
    assert "Cook" not in end.data["html"]
    page = visitor.get(f"/threads/{thread.pk}/")[1].partition('id="entries"')[2]
    assert "Captain" in page.partition("composer")[0]


def test_thread_that_is_deleted_meanwhile_comes_back_with_the_reply(
    site: Site, provider: ProviderServer
) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    reply = visitor.send(thread, "Hello words=15 hold=1")
    visitor.post(f"/threads/{thread.pk}/delete/")
    assert visitor.get(f"/replies/{reply.pk}/stream/")[0] == 404
    provider.release()
    wait_for(lambda: not Reply.objects.in_flight().exists())
    visitor.post(f"/threads/{thread.pk}/restore/")
    answer = thread.messages.get(role="assistant")
    assert len(answer.content.split()) == 15
    assert visitor.get(f"/threads/{thread.pk}/")[0] == 200


@pytest.mark.parametrize("go_on", ["before", "during", "after"])
def test_accounts_that_are_deleted_meanwhile_leave_nothing(
    site: Site, provider: ProviderServer, go_on: str
) -> None:
    people = [make_user(f"alice{number}") for number in range(6)]
    visitors = [site.log_in(person) for person in people]
    for number, (person, visitor) in enumerate(zip(people, visitors, strict=True)):
        for extra in range(3):
            visitor.send(make_thread(person), f"words={8 + 2 * number + extra} hold=3")
    answers: list[int] = []

    def delete(visitor: Visitor) -> None:
        form = {"delete-password": PASSWORD}
        answers.append(visitor.post("/account/delete/", **form)[0])

    leaving = [threading.Thread(target=delete, args=(visitor,)) for visitor in visitors]
    if go_on == "before":
        provider.release()
    for number, one in enumerate(leaving):
        one.start()
        if go_on == "during":
            provider.release(3 + 2 * number)
    for one in leaving:
        one.join()
    assert answers == [302] * 6
    provider.release()
    wait_for(lambda: not provider.streaming)
    wait_for(lambda: not Reply.objects.exists())
    # A reply that begins now ends after what the worker still had to save of the others.
    bob = make_user("bob")
    visitor = site.log_in(bob)
    assert visitor.read(visitor.send(make_thread(bob), "words=1"))[1] == "complete"
    bob.delete()
    assert [User.objects.count(), ChatMessage.objects.count(), Thread.objects.count()] == [0] * 3
