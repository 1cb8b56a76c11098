"""What search finds, on the engine at hand."""

import datetime
import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.models import ChatMessage
from chat.search import marks
from chat.search.finding import Results, find, find_threads, read_cursor, write_cursor
from chat.search.query import parse
from chat.search.text import fold
from tests.chat.search_table import TABLE
from tests.factories import make_message, make_persona, make_thread, make_user
from users.models import User

# What might upset a parser, between single blanks; with them, what cannot stand there.
PIECES = [
    *[
        '"',
        "-",
        "from:",
        "in:",
        "after:",
        "2025-02-30",
        "before:9999-12-31",
        "'",
        "\\",
        "&",
        "|",
        "!",
        "(",
        ")",
        ":*",
        "<->",
        "*",
        "NEAR",
        "AND",
        "OR",
    ],
    *["東", "京都", "é", "%s", "a", "persona:x", "{", "}", "^", "+", "ß", "ſ", "İ"],
    "\0",
    "\ud800",
    " ",
]
pytestmark = pytest.mark.django_db


def found(user: User, typed: str, **options: Any) -> list[str]:
    return [hit.said for hit in find(user, typed, **options).hits]


def key(value: uuid.UUID) -> uuid.UUID | str:
    return value if connection.vendor == "postgresql" else value.hex


@pytest.mark.every_server
def test_search_means_what_the_table_says() -> None:
    alice = make_user()
    thread = make_thread(alice)
    messages = {text: make_message(thread, text) for text, _, _ in TABLE}
    wrong = []
    for text, query, expected in TABLE:
        page = {hit.message.pk for hit in find(alice, query, size=100).hits}
        best = {hit.message.pk for hit in find(alice, query, size=100, best=True).hits}
        every = set(ChatMessage.objects.for_user(alice).search(query).values_list("pk", flat=True))
        for way, keys in (("find", page), ("best", best), ("search", every)):
            if (messages[text].pk in keys) is not expected:
                wrong.append((way, text, query, not expected))
    assert wrong == []


def test_a_word_longer_than_the_index_takes_is_no_error() -> None:
    alice = make_user()
    make_message(make_thread(alice), "न" * 900 + " end")
    assert found(alice, "end " + "म" * 900) == []
    assert found(alice, f'end -"{"म" * 450} {"म" * 450}"') == ["न" * 900 + " end"]


def test_snippet_marks_what_the_table_finds() -> None:
    unmarked = [
        (text, query)
        for text, query, expected in TABLE
        if expected and parse(query).terms and "<mark>" not in marks.snippet(parse(query), text)
    ]
    assert unmarked == []


def test_snippet_is_cut_around_the_first_hit_and_escaped() -> None:
    said = "word " * 100 + "<b>Café & bar</b>" + " word" * 100
    shown = marks.snippet(parse("cafe"), said)
    assert "&lt;b&gt;<mark>Café</mark> &amp; bar&lt;/b&gt;" in shown
    assert shown.startswith("… word ")
    assert shown.endswith(" …")
    assert len(shown) < 400


def test_rows_are_found_whoever_wrote_edited_or_deleted_them() -> None:
    alice, bob = make_user(), make_user("bob")
    thread = make_thread(alice)
    with connection.cursor() as cursor:
        for content in ("raw heron", "raw egret"):
            cursor.execute(
                "INSERT INTO chat_messages (user_id, thread_id, role, content)"
                " VALUES (%s, %s, 'user', %s)",
                [key(alice.pk), key(thread.pk), content],
            )
        cursor.execute(
            "INSERT INTO chat_messages (user_id, role, content) VALUES (%s, 'user', 'lone heron')",
            [key(alice.pk)],
        )
    ChatMessage.objects.bulk_create(
        ChatMessage(user=alice, thread=thread, role="twin", content=f"bulk heron {n}")
        for n in range(3)
    )
    assert sorted(found(alice, "heron")) == [
        *(f"bulk heron {n}" for n in range(3)),
        "lone heron",
        "raw heron",
    ]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE chat_messages SET content = 'raw stork' WHERE content = 'raw heron'")
        cursor.execute("DELETE FROM chat_messages WHERE content LIKE 'bulk%%'")
    assert found(alice, "heron") == ["lone heron"]
    assert found(alice, "stork") == ["raw stork"]
    ChatMessage.objects.filter(content="lone heron").update(
        created_at=datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC), user=bob
    )
    assert found(alice, "heron") == []
    assert found(bob, "heron") == ["lone heron"]
    thread.delete()
    assert found(alice, "raw") == []


def test_search_keeps_to_one_person_and_leaves_out_deleted_threads() -> None:
    alice, bob = make_user(), make_user("bob")
    hers, his, gone = make_thread(alice), make_thread(bob), make_thread(alice, "Gone")
    make_message(hers, "secret plan")
    make_message(his, f"secret recipe @{alice.pk}")
    make_message(gone, "secret garden")
    gone.deleted_at = datetime.datetime.now(datetime.UTC)
    gone.save()
    assert found(alice, "secret") == ["secret plan"]
    assert found(alice, "-nothing") == ["secret plan"]
    assert find_threads(alice, parse("gone")) == []
    assert ChatMessage.objects.for_user(alice).search("secret").count() == 1
    with pytest.raises(TypeError, match=r"for_user"):
        ChatMessage.objects.all().search("secret")


def test_pages_follow_each_other_without_gap_or_repeat() -> None:
    alice = make_user()
    thread = make_thread(alice)
    now = datetime.datetime.now(datetime.UTC)
    # Some days hold several messages of the same moment, others are far apart.
    ages = [0, 0, 0, 1, 2, 5, 5, 9, 40, 41, 90, 90, 200, 500, 1500]
    for n, age in enumerate(ages):
        make_message(thread, f"page {n}", created_at=now - datetime.timedelta(days=age))
    expected = [
        message.content for message in ChatMessage.objects.for_user(alice) if message.content
    ]
    seen, after = [], ""
    while True:
        page = find(alice, "page", size=4, after=after)
        seen += [hit.said for hit in page.hits]
        after = page.next
        if not after:
            break
    assert seen == expected
    ranked, after = [], ""
    for _ in range(4):
        page = find(alice, "page", size=4, after=after, best=True)
        ranked += [hit.said for hit in page.hits]
        after = page.next
    assert (sorted(ranked), after) == (sorted(expected), "")


# Texts by the days since the one before and how many of each there are, newest first: common
# words, rare ones, some that stand side by side now and then, and long silences.
HISTORY = [
    (0.0, 90, "coffee and tea, number {n}"),
    (0.01, 200, "coffee then tea, again coffee {n}"),
    (2.0, 60, "Tea! Coffee for {n}"),
    (400.0, 1, "a heron drinks coffée - TEA"),
    (0.5, 90, "only tea {n}"),
    (15.0, 40, "tea with coffee tea {n}"),
    (30.0, 2, "heron"),
    (9_000.0, 3, "old coffee, tea"),
    (9_000.0, 3, "older coffee tea"),
]


@pytest.mark.parametrize("newest", ["2026-06-01", "2025-12-31T12:00", "1970-01-05", "1969-12-25"])
def test_all_is_found_in_order_however_far_back(newest: str) -> None:
    alice = make_user()
    threads = [make_thread(alice), make_thread(alice, "Other")]
    moment = datetime.datetime.fromisoformat(newest).replace(tzinfo=datetime.UTC)
    messages = []
    for days, count, text in HISTORY:
        for n in range(count):
            moment -= datetime.timedelta(days=days if n == 0 or days < 50 else 1)
            content = text.format(n=n)
            thread = threads[n % 2]
            messages.append(
                ChatMessage(
                    user=alice, thread=thread, role="user", content=content, created_at=moment
                )
            )
    ChatMessage.objects.bulk_create(messages)
    ordered = [message.content for message in ChatMessage.objects.for_user(alice)]
    for typed, pattern in [
        ("coffee", r"coffee"),
        ("coff", r"coffee"),
        ("hero", r"heron"),
        ("heron ", r"heron"),
        ("only ", r"only"),
        ("tea heron", r"heron.*tea"),
        ("coffee heron ", r"heron.*coffee"),
        ('"coffee tea"', r"coffee\W+tea"),
        ("tea.numb", r"tea\W+numb"),
        ("coffee.tea", r"coffee\W+tea"),
        ('"tea coffee"', r"tea\W+coffee"),
        ('"heron tea"', r"heron\W+tea"),
        ('coffee -"coffee tea"', r"^(?!.*coffee\W+tea).*coffee"),
        ("tea -coffee ", r"^(?!.*coffee).*tea"),
        ("in:other old", r"^old.* tea$"),
    ]:
        expected = [said for said in ordered if re.search(pattern, fold(said))]
        if typed.startswith("in:"):
            expected = expected[:1] + expected[3:4]
        for size in (7, 30, 1_000):
            seen, after = [], ""
            while True:
                page = find(alice, typed, size=size, after=after)
                seen += [hit.said for hit in page.hits]
                after = page.next
                if not after:
                    break
            assert seen == expected, (typed, size)
        every = ChatMessage.objects.for_user(alice).search(typed)
        assert [message.content for message in every] == expected


def test_cursor_survives_writing_and_refuses_anything_else() -> None:
    message = make_message(make_thread(make_user()))
    cursor = read_cursor(write_cursor(message))
    assert cursor is not None
    assert (cursor.created_at, cursor.id) == (message.created_at, message.pk)
    for written in ("", "x", "é", "AAAA", write_cursor(message)[:-4]):
        assert read_cursor(written) is None


def test_filters_work_as_text() -> None:
    alice = make_user()
    work = make_persona(alice, "Wörk Me")
    rome = make_thread(alice, "Trip to Rome", persona=work)
    plans = make_thread(alice)
    old = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)
    make_message(rome, "pasta one", role="twin", created_at=old)
    make_message(plans, "pasta two", role="assistant")
    assert found(alice, "pasta from:twin") == ["pasta one"]
    assert found(alice, "from:assistant") == ["pasta two"]
    assert found(alice, "persona:work pasta") == ["pasta one"]
    assert found(alice, 'in:"trip to"') == ["pasta one"]
    assert found(alice, "pasta thread:plans") == ["pasta two"]
    assert found(alice, "pasta before:2024-05-02") == ["pasta one"]
    assert found(alice, "pasta after:2024-05 before:2024-05-01") == []
    assert found(alice, "pasta after:2025") == ["pasta two"]
    assert find(alice, "persona:nobody").query.notes == ["You have no persona of that name."]
    assert find(alice, "after:soon pasta from:bob").query.notes == [
        "after:soon was left out: it takes a date such as 2025-01-31.",
        "from:bob was left out: it takes user, assistant or twin.",
    ]


def test_filters_work_in_the_page(client: Client) -> None:
    alice, bob = make_user(), make_user("bob")
    work, other = make_persona(alice, "Work"), make_persona(bob, "Other")
    old = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)
    make_message(make_thread(alice, "Trip to Rome", persona=work), "one", created_at=old)
    make_message(make_thread(alice), "two", role="assistant")
    client.force_login(alice)

    def shown(**filters: Any) -> list[str]:
        results: Results = client.get("/search/", filters).context["results"]
        return [hit.said for hit in results.hits] + results.query.notes

    assert shown(thread="trip TO") == ["one"]
    assert shown(thread="nowhere") == ["You have no thread of that title."]
    assert shown(persona=work.pk) == ["one"]
    assert shown(role="assistant") == ["two"]
    assert shown(after="2024-05-02") == ["two"]
    assert shown(before="2024-05-02") == ["one"]
    assert shown(q="one", thread="plans") == []
    assert shown(q="one", persona=other.pk) == [
        "one",
        "Persona was left out: it cannot be that.",
    ]
    assert shown(q="one", after="soon", role="king") == [
        "one",
        "From was left out: it cannot be that.",
        "After was left out: it cannot be that.",
    ]
    page = client.get("/search/", {"q": "one", "page": "400", "best": "1"})
    assert "There are no more results." in page.content.decode()


@given(
    said=st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.text("éİΣσςßйé한ᄒ\u1161\u11ab\u0301\u0306 a", max_size=12)
)
def test_marks_fold_a_text_as_the_index_does(said: str) -> None:
    folded, origin = marks._folded(said)
    assert folded == fold(said).replace("ς", "σ")
    assert origin is None or len(origin) == len(folded) + 1


def test_snippet_marks_what_is_written_in_parts() -> None:
    for said, typed in [
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
        ("и\u0306од", "йод"),
        ("ΟΔΟΣ", "οδος"),
    ]:
        assert marks.snippet(parse(typed), said) == f"<mark>{said}</mark>"
        assert marks.holds(parse(typed), said)


def test_best_first_prefers_short_texts_and_repeated_words() -> None:
    alice = make_user()
    thread = make_thread(alice)
    make_message(thread, "heron heron heron: all about the heron")
    make_message(thread, "long " * 400 + "heron")
    make_message(thread, "nothing of the kind")
    make_message(thread, "one herons nest " + "long " * 20)
    best = [text[:9] for text in found(alice, "heron ", best=True)]
    assert best == ["heron her", "one heron", "long long"]
    messages = ChatMessage.objects.for_user(alice).search("heron", best=True)
    assert [message.content[:9] for message in messages] == best


def test_huge_messages_are_stored_and_found_by_their_beginning() -> None:
    alice = make_user()
    thread = make_thread(alice)
    for huge in ("heron " + "word " * 300_000, "東京" * 400_000, "é\u0301ﷺ" * 300_000, "x" * 10**6):
        make_message(thread, huge)
    assert len(found(alice, "heron")) == 1
    assert len(found(alice, "東京")) == 1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    typed=st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(PIECES),
            max_size=12,
        ).map("".join),
    ),
    best=st.booleans(),
    after=st.text(max_size=8),
)
def test_nothing_that_can_be_typed_is_an_error(
    client: Client, typed: str, best: bool, after: str
) -> None:
    alice = User.objects.filter(email="alice@example.com").first()
    if alice is None:
        alice = make_user()
        make_message(make_thread(alice), "a b c 東京 é")
    results = find(alice, typed, best=best, after=after)
    for hit in results.hits:
        assert str(hit.snippet)
    client.force_login(alice)
    data = {"q": typed.encode("utf-8", "replace").decode(), "page": after.replace("\ud800", "")}
    assert client.get("/search/", data).status_code == 200


def test_page_shows_hits_threads_and_what_can_be_asked(client: Client) -> None:
    alice, bob = make_user(), make_user("bob")
    thread = make_thread(alice, "Birds of the lake")
    message = make_message(thread, "A <i>heron</i>")
    make_message(make_thread(bob, "Birds"), "bob's heron")
    client.force_login(alice)
    page = client.get("/search/", {"q": "heron"})
    assert page.context["results"].hits[0].message == message
    text = page.content.decode()
    assert "A &lt;i&gt;<mark>heron</mark>&lt;/i&gt;" in text
    assert f"/threads/{thread.pk}/?message={message.pk}#m-{message.pk}" in text
    assert "bob" not in text
    part = client.get("/search/", {"q": "birds"}, headers={"HX-Request": "true"})
    assert [found.title for found in part.context["results"].threads] == ["Birds of the lake"]
    assert "<html" not in part.content.decode()
    assert "from:twin" in client.get("/search/").content.decode()
    assert "Nothing matches" in client.get("/search/", {"q": "zebra"}).content.decode()
    wrong = client.get("/search/?q=a%00b&after=x&persona=1&role=king&best=9&page=%00")
    assert wrong.status_code == 200


def test_a_full_page_takes_no_more_queries_than_one_hit(client: Client) -> None:
    alice = make_user()
    client.force_login(alice)
    make_message(make_thread(alice), "heron")

    def shown() -> tuple[int, int]:
        counter = Counter()
        with connection.execute_wrapper(counter):
            page = client.get("/search/", {"q": "heron"})
        return len(page.context["results"].hits), counter.count

    shown()  # what is asked for once in a process
    hits, one = shown()
    assert hits == 1
    for n in range(10):
        thread = make_thread(alice, f"Heron {n}")
        for _ in range(4):
            make_message(thread, "heron")
    hits, many = shown()
    assert hits == 30
    assert many <= one


class Counter:
    """Counts the statements that pass it."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        return execute(sql, params, many, context)
