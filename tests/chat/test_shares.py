"""Links that show a conversation to people without an account."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from chat.models import ChatMessage, Share
from tests.factories import make_message, make_persona, make_thread, make_user
from threads import organising

pytestmark = [pytest.mark.django_db, pytest.mark.engines("any")]


def test_link_shows_the_conversation_to_strangers_until_it_is_revoked(client: Client) -> None:
    alice = make_user()
    thread = make_thread(alice, "Plans", persona=make_persona(alice, "Captain"))
    for number in range(45):
        make_message(thread, f"Number {number}.", role=("user", "twin")[number % 2])
    client.force_login(alice)
    path = f"/threads/{thread.pk}/share/"
    assert client.post(path, {"days": "7"}).status_code == 302
    assert client.post(path, {"days": "0", "has_names": "on"}).status_code == 302
    plain, named = Share.objects.order_by("created_at")
    assert plain.expires_at
    assert named.expires_at is None
    assert plain.get_absolute_url() in client.get(path).content.decode()

    stranger = Client()
    response = stranger.get(plain.get_absolute_url())
    page = response.content.decode()
    assert re.findall(r"Number \d+\.", page) == [f"Number {number}." for number in range(40)]
    assert [name in page for name in ("Alice", "Captain", "<form", "Log in")] == [False] * 4
    assert response["X-Robots-Tag"] == "noindex, nofollow, noarchive"
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    later = re.search(r"\?after=[\w-]+", page)
    assert later
    rest = stranger.get(plain.get_absolute_url() + later[0]).content.decode()
    assert re.findall(r"Number \d+\.", rest) == [f"Number {number}." for number in range(40, 45)]
    page = stranger.get(named.get_absolute_url()).content.decode()
    assert ["Alice" in page, "Captain" in page] == [True, True]
    assert stranger.post(named.get_absolute_url()).status_code == 405
    assert ChatMessage.objects.count() == 45

    bob = Client()
    bob.force_login(make_user("bob"))
    assert bob.get(path).status_code == 404
    assert bob.post(f"/shares/{named.pk}/revoke/").status_code == 404
    assert client.post(f"/shares/{named.pk}/revoke/").status_code == 302
    assert stranger.get(named.get_absolute_url()).status_code == 404
    Share.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert stranger.get(plain.get_absolute_url()).status_code == 404
    Share.objects.update(expires_at=None)
    organising.delete(thread=thread)
    assert stranger.get(plain.get_absolute_url()).status_code == 404


def test_thread_has_a_limited_number_of_links(client: Client) -> None:
    alice = make_user()
    thread = make_thread(alice)
    client.force_login(alice)
    for number in range(20):
        Share.objects.create(thread=thread, key=str(number))
    page = client.post(f"/threads/{thread.pk}/share/", {"days": "7"}).content.decode()
    assert "There are too many links. Revoke one first." in page
    assert Share.objects.count() == 20
