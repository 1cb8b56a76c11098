"""Creating, changing, switching and deleting personas."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from personas.models import Persona
from personas.switching import LastPersonaError, delete_persona, switch_to
from tests.factories import make_persona, make_thread, make_user
from threads.models import Thread
from users.models import User

FORM = {"name": "Work me", "description": "Mails to colleagues", "color": "#0f766e"}


def active(user: User) -> list[str]:
    return list(Persona.objects.for_user(user).active().values_list("name", flat=True))


@pytest.mark.django_db
def test_personas_are_created_listed_and_changed(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    assert client.post(reverse("personas:create"), FORM | {"tone": "dry"}).status_code == 302
    persona = Persona.objects.get()
    assert (persona.name, persona.color, persona.is_active) == ("Work me", "#0f766e", True)
    assert persona.metadata == {"tone": "dry"}
    data = FORM | {"name": "Home me", "common_phrases": "See you\n\nAll right"}
    assert client.post(reverse("personas:edit", args=[persona.pk]), data).status_code == 302
    persona.refresh_from_db()
    assert (persona.name, persona.is_active) == ("Home me", True)
    assert persona.metadata == {"tone": "", "commonPhrases": ["See you", "All right"]}
    assert b"Home me" in client.get(reverse("personas:list")).content


@pytest.mark.django_db
def test_invalid_color_is_rejected(client: Client) -> None:
    client.force_login(make_user())
    response = client.post(reverse("personas:create"), FORM | {"color": "red"})
    assert response.status_code == 422
    assert b"A colour is # and six hexadecimal digits" in response.content
    assert Persona.objects.count() == 0


@pytest.mark.django_db
def test_names_are_limited_but_an_adopted_long_one_may_stay(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    assert client.post(reverse("personas:create"), FORM | {"name": "n" * 101}).status_code == 422
    long = make_persona(alice, "n" * 300)
    url = reverse("personas:edit", args=[long.pk])
    assert client.post(url, FORM | {"name": "n" * 299}).status_code == 422
    assert client.post(url, FORM | {"name": "n" * 300, "tone": "dry"}).status_code == 302
    long.refresh_from_db()
    assert (long.name, long.metadata["tone"]) == ("n" * 300, "dry")


@pytest.mark.django_db
def test_switching_to_a_concurrently_deleted_persona_is_not_found(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = make_user()
    make_persona(alice, "First")
    second = make_persona(alice, "Second")
    client.force_login(alice)
    # Another tab deletes it between the view's query and its lock.
    monkeypatch.setattr(
        "personas.switching.lock_owner", lambda _: Persona.objects.filter(pk=second.pk).delete()
    )
    assert client.post(reverse("personas:switch", args=[second.pk])).status_code == 404
    assert active(alice) == ["First"]


@pytest.mark.django_db
def test_switching_activates_one_persona_and_redirects_back(client: Client) -> None:
    alice = make_user()
    first, second = make_persona(alice, "First"), make_persona(alice, "Second")
    client.force_login(alice)
    response = client.post(
        reverse("personas:switch", args=[second.pk]),
        headers={"Referer": "http://testserver/personas/"},
    )
    assert response.headers["Location"] == "http://testserver/personas/"
    assert active(alice) == ["Second"]
    switch_to(persona=first)
    assert active(alice) == ["First"]


@pytest.mark.django_db
def test_deleting_the_active_persona_activates_another_and_keeps_threads() -> None:
    alice = make_user()
    first, _ = make_persona(alice, "First"), make_persona(alice, "Second")
    thread = make_thread(alice, persona=first)
    delete_persona(persona=first)
    assert active(alice) == ["Second"]
    assert Thread.objects.get(pk=thread.pk).persona is None


@pytest.mark.django_db
def test_last_persona_is_deleted_only_with_a_replacement(client: Client) -> None:
    alice = make_user()
    only = make_persona(alice, "Only")
    with pytest.raises(LastPersonaError):
        delete_persona(persona=only)
    client.force_login(alice)
    url = reverse("personas:delete", args=[only.pk])
    assert client.post(url).status_code == 422
    assert client.post(url, {"replacement": "Successor"}).status_code == 302
    assert list(Persona.objects.values_list("name", "is_active")) == [("Successor", True)]


@pytest.mark.django_db(transaction=True)
def test_concurrent_changes_leave_one_active_persona() -> None:
    alice = make_user()
    names = [f"Persona {number}" for number in range(6)]
    personas = [make_persona(alice, name) for name in names]
    barrier = threading.Barrier(6)
    failures: list[Exception] = []

    def repeat(action: Callable[[], None]) -> None:
        barrier.wait()
        for _ in range(5):
            try:
                action()
            except (Persona.DoesNotExist, LastPersonaError):
                pass  # deleted concurrently: a 404 in the view
            except Exception as error:
                failures.append(error)
        connection.close()

    actions: list[Callable[[], None]] = [
        *(lambda p=persona: switch_to(persona=p) for persona in personas[:4]),
        *(lambda p=persona: delete_persona(persona=p) for persona in personas[3:5]),
    ]
    threads = [threading.Thread(target=repeat, args=[action]) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(active(alice)) == 1
    assert Persona.objects.count() == 4


@pytest.mark.django_db
def test_list_takes_the_same_number_of_queries_for_one_and_three(client: Client) -> None:
    alice = make_user()
    make_persona(alice)
    client.force_login(alice)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse("personas:list"))
        return len(captured)

    one = queries()
    make_persona(alice, "Second"), make_persona(alice, "Third")
    assert queries() == one


def test_new_persona_is_offered_a_colour_that_no_other_has(client: Client) -> None:
    alice = make_user("alice")
    client.force_login(alice)
    for taken, offered in [("#4f46e5", "#0d9488"), ("#0D9488", "#d97706")]:
        make_persona(alice, color=taken)
        page = client.get(reverse("personas:create")).content.decode()
        assert f'value="{offered}"' in page
