"""The resources: pages, problems, idempotency, ETags, scopes, and their document."""

import json
from typing import Any

import httpx2
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from api.keys import create_key
from api.models import Exchange
from api.v2.routes import document
from chat.generation import engine
from chat.models import ChatMessage, Reply
from personas.models import Persona
from tests.factories import make_message, make_persona, make_thread, make_user
from tests.site import Site
from tests.waiting import PATIENCE
from threads import listing
from threads.models import Thread
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.engines("sqlite", "postgresql")]


class Program:
    """A program with a key."""

    def __init__(self, user: User, scope: str = "everything") -> None:
        self.user = user
        _, self.token = create_key(user=user, name=scope, scope=scope)

    def call(self, verb: str, path: str, data: Any = None, **headers: str) -> Any:
        """Return the answer to a call."""
        sent = "" if data is None else json.dumps(data)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client().generic(
            verb,
            f"/api/v2{path}",
            data=sent,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.token}"} | names,
        )

    def get(self, path: str) -> Any:
        """Return what a path shows."""
        response = self.call("GET", path)
        assert response.status_code == 200, response.content
        return response.json()


@pytest.fixture
def alice() -> Program:
    return Program(make_user())


def test_thread_is_made_changed_listed_and_deleted(alice: Program) -> None:
    persona = make_persona(alice.user)
    body = {"title": " Trip ", "persona_id": str(persona.pk)}
    response = alice.call("POST", "/threads", body)
    made = response.json()
    assert (response.status_code, made["title"], made["persona_id"]) == (
        *(201, "Trip"),
        str(persona.pk),
    )
    path = f"/threads/{made['id']}"
    assert alice.get(path) == made
    change = {"title": "Travel", "is_pinned": True, "description": "By car"}
    changed = alice.call("PATCH", path, change).json()
    assert (changed["title"], changed["description"]) == ("Travel", "By car")
    assert changed["pinned_at"] is not None
    assert alice.get("/threads") == {"items": [changed], "next_cursor": None}
    alice.call("PATCH", path, {"is_archived": True})
    assert alice.get("/threads")["items"] == []
    assert [row["id"] for row in alice.get("/threads?state=archived")["items"]] == [made["id"]]
    assert alice.call("DELETE", path).status_code == 204
    assert alice.call("GET", path).status_code == 404


def test_pages_follow_their_cursors(alice: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE_SIZE", 2)
    monkeypatch.setattr("api.v2.resources.PAGE", 2)
    threads = [make_thread(alice.user, str(number)) for number in range(5)]
    texts = [make_message(threads[0], f"tent {number}").content for number in range(5)]
    for path, name, expected in (
        ("/threads", "title", ["0", "4", "3", "2", "1"]),
        (f"/threads/{threads[0].pk}/messages", "content", texts[::-1]),
        ("/search?q=tent", "content", texts[::-1]),
    ):
        found: list[str] = []
        cursor: str | None = ""
        for _ in range(3):
            page = alice.get(f"{path}{'&' if '?' in path else '?'}cursor={cursor}")
            found += [item[name] for item in page["items"]]
            cursor = page["next_cursor"]
        assert (found, cursor) == (expected, None)


def test_message_with_an_idempotency_key_is_sent_once(
    alice: Program, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OPENAI_API_KEY = "key"
    monkeypatch.setattr(engine.engine, "start", lambda *_: None)
    path = f"/threads/{make_thread(alice.user).pk}/messages"
    first, again = (
        alice.call("POST", path, {"text": "Hi"}, Idempotency_Key="one") for _ in range(2)
    )
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.json()["reply"]["status"] == "streaming"
    other = alice.call("POST", path, {"text": "Hello"}, Idempotency_Key="one")
    assert (other.status_code, ChatMessage.objects.count()) == (409, 1)
    busy = alice.call("POST", path, {"text": "Hello"})
    assert (busy.status_code, busy.json()["detail"]) == (
        *(409, "A reply is being written in this thread."),
    )
    assert (Reply.objects.count(), Exchange.objects.get().key) == (1, alice.user.api_keys.get())
    reply = f"/replies/{first.json()['reply']['id']}"
    assert alice.get(reply) == first.json()["reply"]
    assert alice.call("POST", f"{reply}/stop").status_code == 202
    assert Reply.objects.get().stop_requested


def test_persona_is_made_switched_and_deleted(alice: Program) -> None:
    first = make_persona(alice.user, "First")
    made = alice.call("POST", "/personas", {"name": "Captain", "color": "#112233"}).json()
    assert (made["is_active"], made["description"]) == (False, "")
    path = f"/personas/{made['id']}"
    changed = alice.call("PATCH", path, {"is_active": True, "name": "Ahab"}).json()
    assert (changed["is_active"], changed["name"]) == (True, "Ahab")
    assert [row["is_active"] for row in alice.get("/personas")] == [False, True]
    assert alice.call("DELETE", path).status_code == 204
    last = alice.call("DELETE", f"/personas/{first.pk}")
    assert (last.status_code, last.json()["detail"]) == (409, "The only persona cannot be deleted.")
    assert Persona.objects.get().is_active


def test_unchanged_list_is_not_sent_again(alice: Program) -> None:
    make_thread(alice.user)
    etag = alice.call("GET", "/threads").headers["ETag"]
    same = alice.call("GET", "/threads", If_None_Match=etag)
    assert (same.status_code, same.content) == (304, b"")
    make_thread(alice.user)
    assert alice.call("GET", "/threads", If_None_Match=etag).status_code == 200


@pytest.mark.parametrize(
    ("verb", "path", "data", "field"),
    [
        ("POST", "/threads", {}, "data.title"),
        ("POST", "/threads", {"title": " "}, "data.title"),
        ("POST", "/threads", {"title": "a\0"}, "data.title"),
        ("POST", "/threads", {"title": "a\ud800"}, "data.title"),
        ("POST", "/threads", {"title": "x", "titel": "y"}, "data.titel"),
        ("POST", "/threads", {"title": "x", "persona_id": "y"}, "data.persona_id"),
        ("POST", "/personas", {"name": "x", "color": "red"}, "data.color"),
        ("GET", "/threads?state=lost", None, "state"),
        ("GET", "/search", None, "q"),
    ],
)
def test_problem_names_the_field(
    alice: Program, verb: str, path: str, data: Any, field: str
) -> None:
    response = alice.call(verb, path, data)
    problem = response.json()
    assert (response.status_code, problem["status"]) == (400, 400)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert tuple(problem) == ("type", "title", "status", "detail", "errors")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert Thread.objects.count() == 0


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        *(("GET", "/nowhere", 404), ("PUT", "/threads", 405), ("GET", "/threads/x", 404)),
        *(("GET", "/threads?cursor=x", 404), ("GET", "/usage/x", 404)),
    ],
)
def test_every_error_is_a_problem(alice: Program, verb: str, path: str, status: int) -> None:
    response = alice.call(verb, path)
    assert (response.status_code, response.json()["status"]) == (status, status)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert ("Allow" in response.headers) == (status == 405)


def test_broken_and_large_bodies_are_problems(alice: Program) -> None:
    headers = {"Authorization": f"Bearer {alice.token}"}
    for body, status in ((b"{", 400), (b"[" * 100_000, 400), (b"x" * 10_000_000, 413)):
        response = Client().post(
            "/api/v2/threads", body, content_type="application/json", headers=headers
        )
        assert (response.status_code, response.json()["status"]) == (status, status)


@pytest.mark.parametrize(
    ("scope", "read", "write"), [("read", 200, 403), ("chat", 403, 403), ("everything", 200, 201)]
)
def test_scope_decides(scope: str, read: int, write: int) -> None:
    program = Program(make_user(), scope)
    assert program.call("GET", "/threads").status_code == read
    assert program.call("POST", "/threads", {"title": "x"}).status_code == write


def test_export_and_usage_are_the_persons_own(alice: Program) -> None:
    make_message(make_thread(alice.user), "Mine")
    make_message(make_thread(make_user("bob")), "Bobs")
    text = json.dumps(alice.get("/export"))
    assert ("Mine" in text, "Bobs" in text) == (True, False)
    assert alice.get("/usage") == {"days": [], "personas": [], "models": [], "keys": []}


def test_lists_take_as_many_queries_for_three_rows_as_for_one(
    alice: Program, django_assert_num_queries: Any
) -> None:
    counts = {"/threads": 2, "/personas": 2, "/search?q=tent": 7}
    for rows in (1, 2):
        for number in range(rows):
            persona = make_persona(alice.user, f"{rows}{number}")
            make_message(make_thread(alice.user, persona=persona), "tent")
        alice.get("/threads")  # the last use is noted
        for path in ("/threads", "/personas"):
            with django_assert_num_queries(counts[path]):
                alice.get(path)


def test_document_and_its_page_need_no_key(client: Client) -> None:
    schema = client.get("/api/openapi.json").json()
    assert (schema["openapi"], schema) == ("3.1.0", json.loads(json.dumps(document())))
    page = client.get("/api/docs").content.decode()
    assert [path for path in schema["paths"] if path not in page] == []
    assert (" style=" in page, "<script>" in page) == (False, False)


def test_reply_is_followed_as_events(site: Site) -> None:
    alice = Program(make_user())
    headers = {"Authorization": f"Bearer {alice.token}"}
    base = f"{site.url}/api/v2"
    thread = httpx2.post(
        f"{base}/threads", json={"title": "x"}, headers=headers, timeout=PATIENCE
    ).json()
    sent = httpx2.post(
        f"{base}/threads/{thread['id']}/messages",
        json={"text": "Hello"},
        headers=headers,
        timeout=PATIENCE,
    )
    reply = sent.json()["reply"]["id"]
    text = httpx2.get(f"{base}/replies/{reply}/events", headers=headers, timeout=PATIENCE).text
    events = [
        dict(line.split(": ", 1) for line in part.split("\n"))
        for part in text.split("\n\n")
        if part
    ]
    words = "".join(json.loads(one["data"]) for one in events if one["event"] == "text")
    assert words == "word1 word2 word3 word4 "
    assert (events[-1]["event"], json.loads(events[-1]["data"])) == ("end", {"status": "complete"})


def test_export_is_imported_once(alice: Program) -> None:
    make_message(make_thread(alice.user, title="Trip"), "Bring the tent")
    archive = json.dumps(alice.get("/export")).encode()
    bob = Program(make_user("bob"))

    def upload(query: str = "") -> Any:
        headers = {"Authorization": f"Bearer {bob.token}"}
        file = SimpleUploadedFile("export.json", archive)
        return Client().post(f"/api/v2/import{query}", {"file": file}, headers=headers).json()

    added = {"thread": 1, "message": 1}
    assert upload("?preview_only=true")["added"] == added
    assert ChatMessage.objects.filter(user=bob.user).count() == 0
    assert upload()["added"] == added
    again = upload()
    assert (again["added"], again["known"], again["problems"]) == (
        {"thread": 0, "message": 0},
        added,
        [],
    )
    texts = ChatMessage.objects.filter(user=bob.user).values_list("content", flat=True)
    assert list(texts) == ["Bring the tent"]


def test_refused_import_gives_the_reason(alice: Program) -> None:
    headers = {"Authorization": f"Bearer {alice.token}"}
    file = SimpleUploadedFile("letter.txt", b"Dear Bob")
    response = Client().post("/api/v2/import", {"file": file}, headers=headers)
    assert (response.status_code, response.json()["status"]) == (400, 400)
    assert response.json()["detail"].startswith("The file")


def test_large_import_needs_a_key(site: Site) -> None:
    program = Program(make_user())
    spaces = b"[" + b" " * 5_000_000 + b"]"
    statuses = {}
    for token in (program.token, "none"):
        answer = httpx2.post(
            f"{site.url}/api/v2/import",
            files={"file": ("large.json", spaces)},
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        statuses[token] = answer.status_code
    assert statuses == {program.token: 200, "none": 413}
