"""Listing, renaming, archiving, deleting and restoring threads."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chat.models import ChatMessage
from tests.factories import make_message, make_persona, make_thread, make_user
from threads import listing, organising
from threads.listing import ThreadState
from threads.models import Thread
from users.models import User

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def alice(client: Client) -> User:
    user = make_user()
    client.force_login(user)
    return user


def titles(user: User, state: ThreadState = ThreadState.CURRENT, words: str = "") -> list[str]:
    return [thread.title for thread in listing.page(user, state=state, words=words).threads]


def post(client: Client, name: str, thread: Thread, **data: str) -> int:
    return client.post(reverse(f"threads:{name}", args=[thread.pk]), data).status_code


def test_new_thread_has_the_active_persona_and_reuses_an_empty_thread(
    client: Client, alice: User
) -> None:
    persona = make_persona(alice)
    for _ in range(2):
        assert client.post(reverse("threads:create")).status_code == 302
    thread = Thread.objects.get()
    assert (thread.title, thread.title_is_automatic, thread.persona) == (
        organising.UNTITLED,
        True,
        persona,
    )
    make_message(thread)
    client.post(reverse("threads:create"))
    assert Thread.objects.count() == 2


def test_list_is_by_last_message_and_pages_without_gaps_or_repeats(alice: User) -> None:
    now = timezone.now()
    # Many threads have the same timestamp; the key decides their order.
    Thread.objects.bulk_create(
        Thread(user=alice, title=str(n), created_at=now - timedelta(seconds=n // 40))
        for n in range(170)
    )
    oldest = Thread.objects.get(title="169")
    make_message(oldest)
    expected = [thread.pk for thread in Thread.objects.for_user(alice).recent()]
    assert expected[0] == oldest.pk
    listed, after = [], ""
    for _ in range(4):
        page = listing.page(alice, state=ThreadState.CURRENT, after=after)
        listed += [thread.pk for thread in page.threads]
        after = page.next_cursor
    assert (listed, after) == (expected, "")


@pytest.mark.parametrize("after", ["x", "2025-01-01_5", "2025-01-01T00:00:00_" + "0" * 32])
def test_invalid_cursor_is_not_found(client: Client, alice: User, after: str) -> None:
    assert client.get(reverse("threads:list"), {"after": after}).status_code == 404


def test_list_shows_a_page_and_htmx_gets_only_rows(client: Client, alice: User) -> None:
    make_thread(alice, "Plans")
    page = client.get(reverse("threads:list")).content.decode()
    rows = client.get(reverse("threads:list"), headers=HTMX).content.decode()
    assert ("<html" in page, "Plans" in page) == (True, True)
    assert ("<html" in rows, "Plans" in rows) == (False, True)


def test_titles_are_searched_by_all_words_in_any_case(alice: User) -> None:
    for title in ("Trip to Évora", "A trip home", "Taxes 100%"):
        make_thread(alice, title)
    assert titles(alice, words="TRIP") == ["A trip home", "Trip to Évora"]
    assert titles(alice, words="trip évora") == ["Trip to Évora"]
    assert titles(alice, words="100%") == ["Taxes 100%"]
    assert titles(alice, words="_") == []


def test_rename_in_place_returns_the_heading_and_the_link(client: Client, alice: User) -> None:
    thread = make_thread(alice, title_is_automatic=True)
    url = reverse("threads:rename", args=[thread.pk])
    assert b'value="Plans"' in client.get(url, headers=HTMX).content
    answer = client.post(url, {"title": "Trip <b>"}, headers=HTMX).content.decode()
    assert answer.count("Trip &lt;b&gt;") == 3
    thread.refresh_from_db()
    assert (thread.title, thread.title_is_automatic) == ("Trip <b>", False)
    assert client.post(url, {"title": " "}, headers=HTMX).status_code == 422
    assert client.post(url, {"title": "Plain"}).status_code == 302
    assert client.get(url).headers["Location"] == reverse("threads:edit", args=[thread.pk])


def test_edit_changes_description_and_persona_of_the_same_user(client: Client, alice: User) -> None:
    persona, bobs = make_persona(alice, "Work"), make_persona(make_user("bob"))
    thread = make_thread(alice, title_is_automatic=True)
    data = {"title": "Plans", "description": "For May", "persona": str(persona.pk)}
    assert post(client, "edit", thread, **data) == 302
    thread.refresh_from_db()
    assert (thread.description, thread.persona) == ("For May", persona)
    assert thread.title_is_automatic
    assert post(client, "edit", thread, **data | {"persona": str(bobs.pk)}) == 422
    thread.refresh_from_db()
    assert thread.persona == persona


def test_archive_and_pin_and_back(client: Client, alice: User) -> None:
    thread, _ = make_thread(alice, "Plans"), make_thread(alice, "Other")
    post(client, "pin", thread)
    assert [one.title for one in Thread.objects.for_user(alice).pinned()] == ["Plans"]
    post(client, "archive", thread)
    assert (titles(alice), titles(alice, ThreadState.ARCHIVED)) == (["Other"], ["Plans"])
    assert not Thread.objects.for_user(alice).pinned().exists()
    post(client, "archive", thread, off="1")
    post(client, "pin", thread)
    post(client, "pin", thread, off="1")
    assert (titles(alice), titles(alice, ThreadState.ARCHIVED)) == (["Other", "Plans"], [])
    assert not Thread.objects.for_user(alice).pinned().exists()


def test_delete_can_be_undone_from_the_message(client: Client, alice: User) -> None:
    thread = make_thread(alice, "Plans")
    message = make_message(thread)
    page = client.post(
        reverse("threads:delete", args=[thread.pk]),
        headers={"Referer": f"http://testserver{thread.get_absolute_url()}"},
        follow=True,
    )
    undo = reverse("threads:restore", args=[thread.pk])
    assert f'action="{undo}"' in page.content.decode()
    assert client.get(thread.get_absolute_url()).status_code == 404
    assert (titles(alice), titles(alice, ThreadState.DELETED)) == ([], ["Plans"])
    assert client.post(undo).status_code == 302
    assert titles(alice) == ["Plans"]
    assert list(ChatMessage.objects.filter(thread=thread)) == [message]


def test_deleted_general_thread_gets_no_more_messages(alice: User) -> None:
    general = make_thread(alice, "General", is_general=True)
    organising.delete(thread=general)
    ChatMessage.objects.create(user=alice, role="user", content="from another program")
    assert titles(alice) == ["General"]
    general.refresh_from_db()
    assert general.message_count == 0


def test_purge_deletes_expired_threads_permanently(alice: User) -> None:
    old, new, kept = (make_thread(alice, title) for title in ("Old", "New", "Kept"))
    for thread in (old, new, kept):
        make_message(thread)
    for thread in (old, new):
        organising.delete(thread=thread)
    month_ago = timezone.now() - organising.RETENTION - timedelta(minutes=1)
    Thread.objects.filter(pk=old.pk).update(deleted_at=month_ago)
    out = StringIO()
    call_command("purge_threads", stdout=out)
    assert out.getvalue() == "1 thread deleted permanently.\n"
    assert sorted(Thread.objects.values_list("title", flat=True)) == ["Kept", "New"]
    assert ChatMessage.objects.count() == 2
    Thread.objects.filter(pk=new.pk).update(deleted_at=month_ago)
    organising.delete(thread=kept)
    assert list(Thread.objects.values_list("title", flat=True)) == ["Kept"]


def test_pages_take_the_same_number_of_queries_for_one_and_three(
    client: Client, alice: User
) -> None:
    def queries() -> list[int]:
        counts = []
        for url in (reverse("threads:list"), reverse("users:account")):
            with CaptureQueriesContext(connection) as captured:
                client.get(url)
            counts.append(len(captured))
        return counts

    make_thread(alice, persona=make_persona(alice))
    one = queries()
    for name in ("Second", "Third"):
        make_thread(alice, name, persona=make_persona(alice, name))
    assert queries() == one
