"""The API of the earlier browser client: statuses and shapes, call by call."""

import datetime
import json
import re
import uuid
from typing import Any

import bcrypt
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api import keys
from api.browser_client.analytics import ago
from api.browser_client.chat import is_pattern
from api.models import ApiKey
from chat.models import ChatMessage
from personas.models import Persona
from tests.api.browser import ORIGIN, Browser, body_of
from tests.factories import PASSWORD, make_message, make_persona, make_thread, make_user
from threads.models import Thread
from users.models import User

pytestmark = pytest.mark.django_db
DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def typed(value: Any) -> Any:
    """Return the shape of a JSON value: its keys and types, dates and ids as such."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    if isinstance(value, str) and re.fullmatch(DATE, value):
        return "date"
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value):
        return "id"
    return type(value).__name__


USER = {"id": "id", "email": "str", "name": "str", "created_at": "date"}
PERSONA = {
    "id": "id",
    "user_id": "id",
    "name": "str",
    "description": "str",
    "color": "str",
    "is_active": "bool",
    "metadata": {},
    "created_at": "date",
    "updated_at": "date",
    "sample_count": "int",
}
THREAD = {
    "id": "id",
    "user_id": "id",
    "persona_id": "NoneType",
    "title": "str",
    "description": "str",
    "created_at": "date",
    "updated_at": "date",
    "last_message_at": "NoneType",
    "message_count": "int",
}
LISTED = THREAD | {"persona_id": "id", "persona_name": "str", "persona_color": "str"}
MESSAGE = {
    "id": "id",
    "user_id": "id",
    "thread_id": "id",
    "role": "str",
    "content": "str",
    "created_at": "date",
    "updated_at": "date",
}


@pytest.fixture
def alice() -> Browser:
    browser = Browser()
    browser.sign_up()
    return browser


def me(browser: Browser) -> User:
    return User.objects.get(pk=browser.get("/auth/me")[1]["id"])


def test_one_sitting_in_the_order_of_the_client() -> None:
    browser = Browser()
    account = {"email": "Alice@Example.com", "password": "secret", "name": "Alice"}
    status, answer = browser.post("/auth/signup", account)
    assert (status, typed(answer)) == (200, {"user": USER, "token": "str"})
    status, answer = browser.post("/auth/login", account)
    assert (status, typed(answer)) == (200, {"user": USER, "token": "str"})
    browser.token = answer["token"]
    assert re.fullmatch(r"[\x21-\x7e]+", browser.token)
    status, user = browser.get("/auth/me")
    assert (status, typed(user), user) == (200, USER, answer["user"])
    status, persona = browser.get("/personas/me")
    assert (status, typed(persona)) == (200, PERSONA)
    assert [persona[key] for key in ("name", "color", "description", "is_active", "metadata")] == [
        *("My Twin", "#4f46e5", "", True, {})
    ]
    assert browser.get("/personas/all") == (200, [persona])
    status, threads = browser.get("/threads")
    assert (status, typed(threads)) == (200, [LISTED])
    assert browser.get("/chat/history") == (200, [])
    failure = {"error": "str", "message": "str"}
    for path in ("/chat/message", "/chat/assistant"):  # no model is connected
        status, answer = browser.post(path, {"message": "Hello"})
        assert (status, typed(answer)) == (200, failure)
    assert browser.get("/chat/history") == (200, [])

    owner = me(browser)
    thread = Thread.objects.get(user=owner)
    sent = make_message(thread, "Bring the tent")
    status, history = browser.get("/chat/history")
    assert (status, typed(history)) == (200, [MESSAGE])
    status, found = browser.get("/chat/search?q=tent")
    hit = {"id": "id", "role": "str", "content": "str", "created_at": "date", "rank": "float"}
    assert (status, typed(found)) == (200, {"results": [hit], "count": "int"})
    assert (found["count"], found["results"][0]["id"]) == (1, str(sent.pk))

    status, second = browser.post("/personas/create", {"name": " Work ", "color": "#112233"})
    assert (status, typed(second)) == (200, PERSONA)
    assert (second["name"], second["is_active"]) == ("Work", False)
    assert [row["name"] for row in browser.get("/personas/all")[1]] == ["Work", "My Twin"]
    status, active = browser.post(f"/personas/{second['id']}/activate")
    assert (status, typed(active), active["is_active"]) == (200, PERSONA, True)
    assert browser.get("/personas/me")[1]["id"] == second["id"]
    change = {"name": "Play", "description": "", "color": "#445566"}
    status, changed = browser.call("PUT", f"/personas/{second['id']}", change)
    assert (status, typed(changed)) == (200, PERSONA)
    assert change.items() <= changed.items()
    status, answer = browser.call("DELETE", f"/personas/{second['id']}")
    assert (status, typed(answer)) == (200, {"message": "str"})
    assert browser.get("/personas/me")[1]["id"] == persona["id"]
    status, answer = browser.get("/personas/export")
    assert (status, typed(answer)) == (200, {"exported_at": "date", "persona": PERSONA})

    status, made = browser.post("/threads", {"title": " Trip ", "persona_id": None})
    assert (status, typed(made), made["title"]) == (200, THREAD, "Trip")
    status, threads = browser.get("/threads")
    assert [row["title"] for row in threads] == ["General", "Trip"]
    assert typed(threads[0]) == LISTED | {"last_message_at": "date"}
    status, changed = browser.call("PUT", f"/threads/{made['id']}", {"description": "By car"})
    assert (status, changed["title"], changed["description"]) == (200, "Trip", "By car")
    status, answer = browser.call("DELETE", f"/threads/{made['id']}")
    assert (status, typed(answer)) == (200, {"message": "str"})

    status, answer = browser.get("/metrics/overview")
    assert (status, answer) == (
        200,
        {"total_messages": 1, "total_personas": 1, "total_threads": 1},
    )
    today = f"{timezone.now():%Y-%m-%d}T00:00:00.000Z"
    days = browser.get("/metrics/messages-over-time?days=30")
    assert days == (200, [{"date": today, "count": 1}])
    usage = [{"name": "My Twin", "color": "#4f46e5", "message_count": 1}]
    assert browser.get("/metrics/persona-usage") == (200, usage)
    last = history[0]["created_at"]
    activity = [{"title": "General", "message_count": 1, "last_message_at": last}]
    assert browser.get("/metrics/thread-activity") == (200, activity)
    status, answer = browser.get("/metrics")
    numbers = ("tokensUsed", "messagesSent", "approvalRate", "confidence", "responseTime")
    assert (status, tuple(answer)) == (200, numbers)
    action = {"action": "You wrote in “General”", "timestamp": "Just now"}
    assert browser.get("/activity") == (200, [action])

    assert browser.get("/email/account") == (200, {"account": None})
    status, answer = browser.get("/email/auth/url")
    assert (status, typed(answer)) == (501, {"error": "str"})
    status, file = browser.get("/chat/export/json")
    assert (status, file["message_count"], file["messages"]) == (200, 1, history)
    assert tuple(file) == ("exported_at", "message_count", "messages")
    table = f'role,content,created_at\n"user","Bring the tent","{last}"'
    assert browser.get("/chat/export/csv") == (200, table)


def test_log_in_of_the_earlier_backend_still_works() -> None:
    alice = make_user()
    old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    User.objects.filter(pk=alice.pk).update(password=old)
    browser = Browser()
    account = {"email": "alice@example.com", "password": PASSWORD}
    browser.token = browser.post("/auth/login", account)[1]["token"]
    assert browser.get("/auth/me")[0] == 200
    # The earlier backend's own tokens are not accepted.
    browser.token = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiIxIn0.c2lnbmF0dXJl"
    status, answer = browser.get("/auth/me")
    assert (status, typed(answer)) == (401, {"error": "str"})


@pytest.mark.parametrize("path", ["/auth/login", "/auth/signup"])
def test_old_token_is_ignored_on_log_in_and_sign_up(path: str) -> None:
    make_user()
    browser = Browser(token="old")
    email = "alice@example.com" if path == "/auth/login" else "bob@example.com"
    data = {"email": email, "password": PASSWORD, "name": "Al"}
    assert browser.post(path, data)[0] == 200


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({}, ["email", "password", "name"]),
        ({"email": "alice", "password": "short", "name": "A"}, ["email", "password", "name"]),
        ({"email": 1, "password": None, "name": []}, ["email", "password", "name"]),
        ({"email": "a@example.com", "password": "secret"}, ["name"]),
        ({"email": "a@example.com", "password": "sec\0ret", "name": "Al"}, ["password"]),
        ({"email": "a@example.com", "password": "secret", "name": "Al\ud800"}, ["name"]),
    ],
)
def test_sign_up_names_all_faulty_fields_in_order(data: dict[str, Any], fields: list[str]) -> None:
    status, answer = Browser().post("/auth/signup", data)
    assert (status, answer["error"]) == (400, "Validation failed")
    assert [detail["field"] for detail in answer["details"]] == fields
    assert {tuple(detail) for detail in answer["details"]} == {("field", "message")}
    assert User.objects.count() == 0


def test_log_in_refuses_a_wrong_account_alike_and_a_short_password_first() -> None:
    make_user()
    wrong = Browser().post("/auth/login", {"email": "alice@example.com", "password": "wrong!"})
    unknown = Browser().post("/auth/login", {"email": "bob@example.com", "password": "wrong!"})
    assert wrong == unknown == (401, {"error": "Invalid credentials"})
    short = Browser().post("/auth/login", {"email": "alice@example.com", "password": "wrong"})
    assert (short[0], short[1]["error"]) == (400, "Validation failed")


def test_log_in_is_limited() -> None:
    make_user()
    data = {"email": "alice@example.com", "password": "wrong!"}
    statuses = [Browser().post("/auth/login", data)[0] for _ in range(11)]
    assert statuses == [401] * 10 + [429]


def test_sign_up_refuses_an_address_that_is_taken(alice: Browser) -> None:
    data = {"email": "ALICE@example.com", "password": "secret", "name": "Al"}
    status, answer = Browser().post("/auth/signup", data)
    assert (status, tuple(answer)) == (400, ("error",))
    assert User.objects.count() == 1


def test_token_is_a_key_of_thirty_days(alice: Browser) -> None:
    assert ApiKey.objects.values_list("name", "is_login").get() == ("browser client", True)
    ApiKey.objects.update(revoked_at=timezone.now())
    assert alice.get("/personas/me")[0] == 401


def test_key_that_may_not_do_everything_is_refused_but_not_logged_out() -> None:
    _, token = keys.create_key(user=make_user(), name="reader", scope="read")
    status, answer = Browser(token).get("/auth/me")
    assert (status, tuple(answer)) == (403, ("error",))


def test_session_cookie_lets_nobody_in(client: Client) -> None:
    client.force_login(make_user())
    assert client.get("/api/auth/me").status_code == 401


def test_account_that_is_gone_is_401(alice: Browser) -> None:
    User.objects.update(is_active=False)
    assert alice.get("/auth/me")[0] == 401
    me_gone = User.objects.all()
    me_gone._raw_delete(me_gone.db)
    assert alice.get("/auth/me")[0] == 401


def test_there_is_always_an_active_persona(alice: Browser) -> None:
    Persona.objects.update(is_active=False)
    status, persona = alice.get("/personas/me")
    assert (status, persona["is_active"]) == (200, True)
    Persona.objects.all().delete()
    status, persona = alice.get("/personas/me")
    assert (status, persona["name"], persona["is_active"]) == (200, "My Twin", True)
    assert Persona.objects.count() == 1


def test_activating_an_unknown_persona_changes_nothing(alice: Browser) -> None:
    before = alice.get("/personas/me")
    for key in (str(uuid.uuid4()), "nonsense", str(make_persona(make_user("bob")).pk)):
        status, answer = alice.post(f"/personas/{key}/activate")
        assert (status, answer) == (404, {"error": "Persona not found"})
    assert alice.get("/personas/me") == before


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"name": ""},
        {"name": "  "},
        {"name": 5},
        {"name": "x" * 101},
        {"name": "Al", "color": "red"},
        {"name": "Al", "color": "#1234567"},
        {"name": "Al", "color": 5},
        {"name": "Al", "description": "x" * 501},
        {"name": "A\0l"},
        {"name": "A\udc00l"},
    ],
)
def test_bad_persona_is_400_and_not_made(alice: Browser, data: dict[str, Any]) -> None:
    status, answer = alice.post("/personas/create", data)
    assert (status, type(answer["error"])) == (400, str)
    assert Persona.objects.count() == 1


def test_put_keeps_what_is_absent_or_null(alice: Browser) -> None:
    persona = alice.get("/personas/me")[1]
    path = f"/personas/{persona['id']}"
    assert alice.call("PUT", path, {"name": None, "other": 1})[1]["name"] == "My Twin"
    long = "y" * 600  # of an older database
    Persona.objects.update(description=long)
    sent = {"name": "Me", "description": long, "color": "#000000"}
    status, changed = alice.call("PUT", path, sent)
    assert (status, changed["description"], changed["name"]) == (200, long, "Me")
    assert alice.call("PUT", path, {"description": ""})[1]["description"] == ""
    assert alice.call("PUT", path, {"name": " "})[0] == 400


def test_only_persona_and_only_thread_stay(alice: Browser) -> None:
    for path in ("/personas", "/threads"):
        for key in (str(uuid.uuid4()), "nonsense"):  # checked before anything else
            status, answer = alice.call("DELETE", f"{path}/{key}")
            assert (status, tuple(answer)) == (400, ("error",))
    assert (Persona.objects.count(), Thread.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 400),
        ({"title": " "}, 400),
        ({"title": "x" * 256}, 400),
        ({"title": 5}, 400),
        ({"title": "x", "description": "y" * 2001}, 400),
        ({"title": "x", "persona_id": "nonsense"}, 404),
        ({"title": "x", "persona_id": str(uuid.uuid4())}, 404),
    ],
)
def test_bad_thread_is_refused_and_not_made(
    alice: Browser, data: dict[str, Any], status: int
) -> None:
    assert alice.post("/threads", data)[0] == status
    assert Thread.objects.count() == 1


def test_threads_are_in_the_clients_order(alice: Browser) -> None:
    owner = me(alice)
    for title in ("first", "second"):
        make_message(make_thread(owner, title))
    make_thread(owner, "empty")
    make_thread(owner, "archived", archived_at=timezone.now())
    make_thread(owner, "deleted", deleted_at=timezone.now())
    titles = [thread["title"] for thread in alice.get("/threads")[1]]
    assert titles == ["second", "first", "empty", "General"]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("x" * 5000, 200),
        ("x" * 5001, 400),
        ("😀" * 2500, 200),
        ("😀" * 2501, 400),
        ("", 400),
        (" ", 200),
        (None, 400),
        (5, 400),
        ("a\0", 400),
        ("a\ud83d", 400),
    ],
)
def test_message_is_counted_in_utf16(alice: Browser, message: object, status: int) -> None:
    assert alice.post("/chat/message", {"message": message})[0] == status


def test_search_is_bounded_cached_and_never_crashes_the_client(alice: Browser) -> None:
    thread = Thread.objects.get()
    for number in range(55):
        make_message(thread, f"tent {number} (c++)")
    status, found = alice.get("/chat/search?q=tent")
    assert (status, found["count"], len(found["results"])) == (200, 50, 50)
    ranks = [hit["rank"] for hit in found["results"]]
    assert ranks == sorted(ranks, reverse=True)
    nothing = {"results": [], "count": 0}
    for query in ("", "?q=", "?q=%20", "?q=c%2B%2B", "?q=(", "?q=a&q=nothing", "?q=%00"):
        assert alice.get(f"/chat/search{query}") == (200, nothing)
    response = Client().get(
        "/api/chat/search?q=tent", headers={"Authorization": f"Bearer {alice.token}"}
    )
    assert response.headers["Cache-Control"] == "private, max-age=30"
    with CaptureQueriesContext(connection) as queries:
        alice.get("/chat/search?q=tent")
    assert len(queries) == 1  # the key's


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        *(("tent", True), ("what?", True), ("a (b)", True), ("a{2}", True), ("[a-z]+", True)),
        *(("a\\+", True), ("a|b", True), ("(?=a)", True), ("(?:a)", True), ("{", True)),
        *(("c++", False), ("(", False), ("[x", False), ("*", False), ("a\\", False)),
        *((")", False), ("a**", False), ("(?P<x>a)", False), ("(?i)a", False), ("?", False)),
    ],
)
def test_only_what_javascript_takes_is_a_pattern(text: str, is_valid: bool) -> None:
    assert is_pattern(text) == is_valid


def upload(browser: Browser, *files: tuple[str, bytes]) -> tuple[int, Any]:
    sent = [SimpleUploadedFile(name, content) for name, content in files]
    headers = {"Authorization": f"Bearer {browser.token}"}
    response = Client().post("/api/personas/ingest", {"files": sent}, headers=headers)
    return response.status_code, json.loads(body_of(response))


def test_uploaded_texts_become_samples(alice: Browser) -> None:
    assert alice.post("/personas/retrain")[0] == 400
    status, answer = upload(alice, ("a.txt", b"Dear all,\n\nsee you"), ("b.txt", "Grüße".encode()))
    assert status == 200
    assert (
        typed(answer["samples"])
        == [{"id": "id", "name": "str", "filename": "str", "size": "int", "created_at": "date"}] * 2
    )
    samples = Persona.objects.get().samples.order_by("created_at")
    assert list(samples.values_list("text", "source", "origin")) == [
        ("Dear all,", "text", "a.txt"),
        ("see you", "text", "a.txt"),
        ("Grüße", "text", "b.txt"),
    ]
    assert upload(alice, ("c.txt", b"See you!"))[1]["message"] == "0 sample texts added"
    status, answer = alice.post("/personas/retrain")
    assert (status, answer["persona"]["sample_count"], type(answer["message"])) == (200, 3, str)


@pytest.mark.parametrize(
    "files",
    [
        [],
        [("a.txt", b"x")] * 11,
        [("a.pdf", b"%PDF")],
        [("a.txt", b"\xff\xfe\xfa")],
        [("a.txt", b"x" * 200_000)],
    ],
)
def test_bad_upload_is_400_and_changes_nothing(
    alice: Browser, files: list[tuple[str, bytes]]
) -> None:
    status, answer = upload(alice, *files)
    assert (status, type(answer["error"])) == (400, str)
    assert Persona.objects.get().metadata == {}


def test_somebody_elses_rows_are_not_found(alice: Browser) -> None:
    bob = make_user("bob")
    thread = make_thread(bob)
    persona = make_persona(bob)
    make_persona(me(alice))
    make_thread(me(alice))
    calls = [
        *(("PUT", f"/threads/{thread.pk}"), ("DELETE", f"/threads/{thread.pk}")),
        *(("GET", f"/threads/{thread.pk}/messages"), ("PUT", f"/personas/{persona.pk}")),
        *(("DELETE", f"/personas/{persona.pk}"), ("POST", f"/personas/{persona.pk}/activate")),
    ]
    for verb, path in calls:
        data = {"title": "Mine", "name": "Mine"} if verb == "PUT" else None
        for address in (path, re.sub("[0-9a-f-]{36}", "nonsense", path)):
            assert alice.call(verb, address, data)[0] == 404
    thread.refresh_from_db()
    persona.refresh_from_db()
    assert (thread.title, thread.deleted_at, persona.name) == ("Plans", None, "Twin")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        *(("GET", ""), ("GET", "/"), ("GET", "/nowhere"), ("POST", "/auth/me")),
        *(("PATCH", "/threads"), ("GET", "/auth/login"), ("DELETE", "/chat/clear")),
    ],
)
def test_unknown_route_or_method(alice: Browser, verb: str, path: str) -> None:
    for browser in (alice, Browser()):
        assert browser.call(verb, path) == (404, {"error": "Route not found"})


def test_slash_at_the_end_is_answered_directly(alice: Browser) -> None:
    assert alice.get("/personas/me/") == alice.get("/personas/me")
    assert alice.post("/threads/", {"title": "Trip"})[0] == 200


@pytest.mark.parametrize("path", ["/auth/me", "/nowhere", "/personas/x/activate", ""])
def test_preflight_needs_no_token(path: str) -> None:
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = Client().options(f"/api{path}", headers=headers)
    assert (response.status_code, response.content) == (204, b"")
    expected = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
        "Access-Control-Allow-Headers": "authorization,content-type",
        "Access-Control-Max-Age": "7200",
    }
    assert expected.items() <= dict(response.items()).items()


@override_settings(CORS_ALLOWED_ORIGINS=[ORIGIN])
def test_only_configured_origins_may_read(client: Client) -> None:
    for origin, allowed in ((ORIGIN, ORIGIN), ("https://evil.example", None), ("", None)):
        for path in ("/api/auth/me", "/api/nowhere", "/api/chat/history"):
            response = client.get(path, headers={"Origin": origin})
            assert response.headers.get("Access-Control-Allow-Origin") == allowed
            assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b"nonsense", b"[" * 100_000, b'{"message": 1' + b"0" * 5000 + b"}", b"\xff", b"[]"],
)
def test_broken_json_is_400(alice: Browser, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {alice.token}"}
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        response = Client().post("/api/chat/message", body, content_type=kind, headers=headers)
        assert (response.status_code, type(response.json()["error"])) == (400, str)


def test_body_that_is_too_large_is_413(alice: Browser) -> None:
    status, answer = alice.post("/threads", {"title": "x" * 110_000})
    assert (status, tuple(answer)) == (413, ("error",))
    status, answer = alice.post("/threads", {"title": "x" * 10_000_000})
    assert (status, tuple(answer)) == (413, ("error",))


def test_what_django_itself_refuses_is_json_too(settings: Any, alice: Browser) -> None:
    settings.ALLOWED_HOSTS = ["chat.example.org"]
    status, answer = alice.get("/auth/me")
    assert (status, tuple(answer)) == (400, ("error",))
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = True
    status, answer = Browser(alice.token).get("/auth/me")
    assert (status, tuple(answer)) == (403, ("error",))


@pytest.mark.parametrize("debug", [True, False])
def test_fault_of_ours_is_json(
    settings: Any, alice: Browser, monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret words")

    settings.DEBUG = debug
    monkeypatch.setattr("api.browser_client.shapes.user", fail)
    status, answer = alice.get("/auth/me")
    assert (status, tuple(answer), "secret" in str(answer)) == (500, ("error",), False)


def test_lists_take_as_many_queries_for_three_rows_as_for_one(alice: Browser) -> None:
    owner = me(alice)
    for path in ("/threads", "/personas/all", "/chat/history", "/activity"):
        counts = []
        for rows in (1, 2):
            for number in range(rows):
                persona = make_persona(owner, f"{path} {rows} {number}")
                make_message(make_thread(owner, persona=persona))
            with CaptureQueriesContext(connection) as queries:
                alice.get(path)
            counts.append(len(queries))
        assert counts[0] == counts[1], path


def test_csv_quotes_and_names_its_columns_without_messages(alice: Browser) -> None:
    head = "role,content,created_at"
    assert alice.get("/chat/export/csv") == (200, head)
    message = make_message(Thread.objects.get(), 'say "no",\nplease')
    assert message.role == ChatMessage.Role.USER
    text = alice.get("/chat/export/csv")[1]
    assert text.startswith(f'{head}\n"user","say ""no"",\nplease","')


def test_health_needs_no_token(client: Client) -> None:
    answer = client.get("/health").json()
    assert (typed(answer), answer["status"]) == ({"status": "str", "timestamp": "date"}, "ok")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "Just now"), (59, "Just now"), (60, "1m ago"), (3599, "59m ago")),
        *((3600, "1h ago"), (86_399, "23h ago"), (86_400, "1d ago"), (604_799, "6d ago")),
        (604_800, "2026-05-01"),
    ],
)
def test_age_is_told_as_the_client_shows_it(seconds: int, text: str) -> None:
    at = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
    assert ago(datetime.timedelta(seconds=seconds), at) == text


@pytest.mark.parametrize("days", ["0", "-1", "x", "", "9" * 50, "7; DROP TABLE users", "٣"])
def test_days_are_bounded(alice: Browser, days: str) -> None:
    make_message(Thread.objects.get())
    status, answer = alice.get(f"/metrics/messages-over-time?days={days}")
    assert (status, len(answer)) == (200, 1)
