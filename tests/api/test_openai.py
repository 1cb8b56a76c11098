"""OpenAI's protocol: its official client, unchanged, against the site as it is served."""

import http.client
import json
from collections.abc import Iterator
from email.message import Message
from typing import Any

import openai
import pytest
from django.utils import timezone
from openai import OpenAI

from api.keys import create_key
from api.models import ApiKey, Exchange, Usage
from chat.models import ChatMessage, Reply
from tests.chat.provider_server import ProviderServer
from tests.factories import make_persona, make_user
from tests.site import Site
from tests.waiting import PATIENCE, wait_for
from threads.models import Thread
from users.models import User

pytestmark = pytest.mark.engines("any")

WORDS = "word1 word2 word3 word4 "


CLIENTS: list[OpenAI] = []


def client_of(site: Site, user: User | None = None, **fields: Any) -> OpenAI:
    """Return the official client with a new key of `user`."""
    fields.setdefault("name", "laptop")
    _, token = create_key(user=user or make_user(), **fields)
    CLIENTS.append(OpenAI(base_url=f"{site.url}/v1", api_key=token, max_retries=0))
    return CLIENTS[-1]


@pytest.fixture(autouse=True)
def closed_clients() -> Iterator[None]:
    """Close the connections that a test leaves open."""
    yield
    while CLIENTS:
        CLIENTS.pop().close()


def send(client: OpenAI, *texts: str, model: str = "assistant", **fields: Any) -> Any:
    """Send a conversation, the person's texts and the answers in turn."""
    roles = ["user", "assistant"] * len(texts)
    messages: list[Any] = [
        {"role": role, "content": text} for role, text in zip(roles, texts, strict=False)
    ]
    return client.chat.completions.create(model=model, messages=messages, **fields)


def spoken() -> list[tuple[str, str]]:
    shown = ChatMessage.objects.filter(thread__branch_of=None)
    return list(shown.order_by("created_at").values_list("role", "content"))


def call(
    site: Site, verb: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, Any, Message]:
    """Return status, JSON and headers of a call without any client's help."""
    line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    try:
        line.request(verb, path, body, {name.replace("_", "-"): v for name, v in headers.items()})
        response = line.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None, response.headers
    finally:
        line.close()


def test_models_are_the_assistant_and_the_personas(site: Site) -> None:
    alice = make_user()
    make_persona(make_user("bob"), "Bob")
    captain = make_persona(alice, "Captain Ahab")
    client = client_of(site, alice, scope="read")
    models = client.models.list().data
    name = f"captain-ahab-{captain.pk.hex[-4:]}"
    assert [model.id for model in models] == ["assistant", name]
    assert [(model.object, model.owned_by) for model in models] == [("model", "twinthread")] * 2
    assert client.models.retrieve(name).id == name
    captain.name = "Peg/leg"
    captain.save()
    assert client.models.retrieve(name).id == f"pegleg-{captain.pk.hex[-4:]}"
    assert client.models.retrieve("Peg/leg").id == f"pegleg-{captain.pk.hex[-4:]}"
    assert client.models.retrieve(str(captain.pk)).created == int(captain.created_at.timestamp())
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("bob")
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


def test_answer_in_one_piece_is_stored_and_counted(site: Site, provider: ProviderServer) -> None:
    client = client_of(site)
    answer = send(client, "Hello", temperature=0.5, user="somebody", seed=None, tools=[])
    choice = answer.choices[0]
    assert (choice.message.role, choice.message.content) == ("assistant", WORDS)
    assert (choice.finish_reason, answer.object) == ("stop", "chat.completion")
    assert (answer.model, answer.id[:9]) == ("assistant", "chatcmpl-")
    used = answer.usage
    assert used
    assert (used.prompt_tokens, used.completion_tokens, used.total_tokens) == (11, 4, 15)
    assert spoken() == [("user", "Hello"), ("assistant", WORDS)]
    thread = Thread.objects.get()
    assert (thread.title, thread.description) == ("Hello", "Through the API key “laptop”.")
    row = Usage.objects.get()
    assert (row.prompt_tokens, row.completion_tokens, row.is_estimated) == (11, 4, False)
    assert (row.key, row.model, row.status) == (ApiKey.objects.get(), "small-model", "complete")
    assert row.first_text_ms is not None
    assert 0 <= row.first_text_ms <= row.duration_ms
    asked = provider.requests[-1]
    assert (asked["temperature"], "user" in asked, "tools" in asked) == (0.5, False, False)


def test_stream_has_openais_chunks(site: Site) -> None:
    client = client_of(site)
    chunks = list(send(client, "Hello", stream=True, stream_options={"include_usage": True}))
    assert len({(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in chunks}) == 1
    first, *middle, last, counts = chunks
    assert (first.choices[0].delta.role, first.choices[0].delta.content) == ("assistant", "")
    assert "".join(chunk.choices[0].delta.content for chunk in middle) == WORDS
    assert {chunk.choices[0].finish_reason for chunk in [first, *middle]} == {None}
    assert (last.choices[0].finish_reason, last.choices[0].delta.content) == ("stop", None)
    assert (counts.choices, counts.usage.total_tokens) == ([], 15)
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    plain = list(send(client, "Hello again", stream=True))
    assert all(chunk.choices for chunk in plain)


def test_raw_stream_is_ascii_and_ends_with_done(site: Site, provider: ProviderServer) -> None:
    provider.texts["lines"] = "a\u2028b\u0085c 😀"
    _, token = create_key(user=make_user(), name="raw")
    body = {"model": "assistant", "messages": [{"role": "user", "content": "text=lines"}]}
    line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    sent = json.dumps(body | {"stream": True})
    line.request("POST", "/api/v1/chat/completions/", sent, {"Authorization": f"Bearer {token}"})
    response = line.getresponse()
    text = response.read()
    line.close()
    assert text.isascii()
    events = text.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert {event[:6] for event in events[:-1]} == {"data: "}
    headers = {name.lower(): value for name, value in response.getheaders()}
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert headers["access-control-allow-origin"] == "*"
    assert "content-length" not in headers
    assert "content-encoding" not in headers


def test_conversation_continues_its_thread(site: Site) -> None:
    client = client_of(site)
    send(client, "One")
    send(client, "One", WORDS, "Two")
    send(client, "One", WORDS, "Two", WORDS.strip(), "Three", stream=True).response.read()
    assert spoken() == [
        *(("user", "One"), ("assistant", WORDS), ("user", "Two"), ("assistant", WORDS)),
        *(("user", "Three"), ("assistant", WORDS)),
    ]
    assert Thread.objects.count() == 1
    assert Exchange.objects.count() == 3


def test_other_history_or_other_key_is_another_thread(site: Site) -> None:
    alice = make_user()
    client = client_of(site, alice)
    send(client, "One")
    send(client, "One", "Not what was answered", "Two")
    send(client_of(site, alice), "One", WORDS, "Two")
    assert Thread.objects.count() == 3
    other = Thread.objects.order_by("created_at")[1]
    held = list(other.messages.order_by("created_at").values_list("role", "content"))
    turns = [("user", "One"), ("assistant", "Not what was answered"), ("user", "Two")]
    assert held == [*turns, ("assistant", WORDS)]


def test_same_question_again_is_answered_again_and_stored_once(site: Site) -> None:
    client = client_of(site)
    for _ in range(3):
        send(client, "Hello")
    assert spoken() == [("user", "Hello"), ("assistant", WORDS)]
    assert Thread.objects.filter(branch_of__isnull=False).count() == 2
    assert Usage.objects.count() == 3


def test_retry_of_an_answer_that_was_lost_costs_nothing(site: Site) -> None:
    client = client_of(site)
    first = send(client, "Hello").choices[0].message.content
    headers = {"x-stainless-retry-count": "1"}
    for stream in (False, True):
        answer = send(client, "Hello", extra_headers=headers, stream=stream)
        parts = [one.choices[0].delta.content or "" for one in answer] if stream else []
        assert ("".join(parts) if stream else answer.choices[0].message.content) == first
    assert (Reply.objects.count(), Usage.objects.count()) == (1, 1)
    assert Thread.objects.filter(branch_of__isnull=False).count() == 0


def test_nothing_is_kept_but_the_count(site: Site) -> None:
    alice = make_user()
    assert send(client_of(site, alice), "Hello", store=False).choices[0].message.content == WORDS
    unkept = client_of(site, alice, chats="unkept")
    parts = [one.choices[0].delta.content or "" for one in send(unkept, "Hello", stream=True)]
    assert "".join(parts) == WORDS
    wait_for(lambda: Usage.objects.count() == 2)
    assert list(Usage.objects.values_list("prompt_tokens", "status")) == [(11, "complete")] * 2
    assert (Thread.objects.count(), Reply.objects.count(), spoken()) == (0, 0, [])


def test_key_may_keep_its_chats_apart(site: Site) -> None:
    client = client_of(site, chats="apart", name="editor")
    send(client, "Hello")
    send(client, "Hello", WORDS, "Go on")
    thread = Thread.objects.get()
    assert (thread.title, thread.archived_at is not None) == ("editor: Hello", True)
    assert thread.messages.count() == 4


def test_twins_voice_comes_before_the_callers_instructions(
    site: Site, provider: ProviderServer
) -> None:
    alice = make_user()
    captain = make_persona(alice, "Captain", metadata={"tone": "salty"})
    client = client_of(site, alice)
    messages: list[Any] = [
        {"role": "developer", "content": "Answer in verse."},
        {"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]},
    ]
    client.chat.completions.create(model="captain", messages=messages)
    system, user = provider.requests[-1]["messages"]
    assert (system["role"], user) == ("system", {"role": "user", "content": "AB"})
    assert system["content"].startswith("You are Captain, the digital twin of Alice")
    assert system["content"].index("salty") < system["content"].index("Answer in verse.")
    reply = Reply.objects.get()
    assert (reply.voice, reply.persona, reply.thread.persona) == ("twin", captain, captain)
    client.chat.completions.create(model="assistant", messages=messages)
    assert provider.requests[-1]["messages"][0]["content"] == "Answer in verse."


@pytest.mark.parametrize("store", [True, False])
def test_client_that_leaves_stops_the_model(site: Site, store: bool) -> None:
    client = client_of(site)
    stream = send(client, "Hello words=3 after=stall", stream=True, store=store)
    received = ""
    while received.strip() != "word1 word2 word3":
        received += next(stream).choices[0].delta.content
    stream.response.close()
    wait_for(lambda: Usage.objects.filter(status="interrupted").count() == 1)
    kept = [("user", "Hello words=3 after=stall"), ("assistant", received)]
    assert spoken() == (kept if store else [])
    # What arrived is the beginning of the next conversation.
    if store:
        send(client, "Hello words=3 after=stall", "word1 word2", "Go on words=1")
        assert Thread.objects.count() == 1


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        ("status=500", 502, "upstream_error"),
        ("status=400", 400, "upstream_invalid_request"),
        ("status=401", 502, "upstream_refused"),
        ("status=402", 502, "upstream_unpaid"),
        ("status=429", 503, "upstream_overloaded"),
        ("words=0", 502, "upstream_empty"),
        ("after=drop", 502, "upstream_cut_off"),
        ("after=error", 502, "upstream_error"),
    ],
)
def test_failure_of_the_model_is_a_typed_error(
    site: Site, script: str, status: int, code: str
) -> None:
    client = client_of(site)
    with pytest.raises(openai.APIStatusError) as raised:
        send(client, f"Hello {script}")
    assert (raised.value.status_code, raised.value.code) == (status, code)
    assert raised.value.request_id
    # In a stream it is one too, before the first word or after it.
    with pytest.raises(openai.APIError) as after:
        list(send(client, f"Stream {script}", stream=True))
    assert after.value.code == code


def test_silence_of_the_model_is_a_timeout(impatient_site: Site) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        send(client_of(impatient_site), "Hello words=0 after=stall")
    assert (raised.value.status_code, raised.value.code) == (504, "upstream_silent")


@pytest.mark.parametrize(("after", "reason"), [("length", "length"), ("filter", "content_filter")])
def test_limit_and_filter_end_a_reply_without_an_error(site: Site, after: str, reason: str) -> None:
    client = client_of(site)
    answer = send(client, f"Hello after={after}", max_tokens=4)
    assert (answer.choices[0].finish_reason, answer.choices[0].message.content) == (reason, WORDS)
    assert list(send(client, f"More after={after}", stream=True))[-1].choices[0].finish_reason == (
        reason
    )


def test_counts_that_the_server_does_not_send_are_estimated(site: Site) -> None:
    answer = send(client_of(site), "Hello usage=no")
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.completion_tokens > 0
    assert Usage.objects.get().is_estimated


def test_keys_are_refused_with_their_reason(site: Site) -> None:
    alice = make_user()
    expired, expired_token = create_key(user=alice, name="old", expires_at=timezone.now())
    revoked, revoked_token = create_key(user=alice, name="lost")
    ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=timezone.now())
    for token in ("DUMMY_KEY", expired_token, revoked_token):
        with pytest.raises(openai.AuthenticationError) as raised:
            client_of(site, alice).with_options(api_key=token).models.list()
        assert raised.value.code == "invalid_api_key"
        assert raised.value.response.headers["www-authenticate"] == "Bearer"
    with pytest.raises(openai.PermissionDeniedError) as denied:
        send(client_of(site, alice, scope="read"), "Hello")
    assert denied.value.code == "insufficient_scope"
    client = client_of(site, alice)
    User.objects.update(is_active=False)
    with pytest.raises(openai.PermissionDeniedError) as closed:
        client.models.list()
    assert closed.value.code == "account_not_allowed"
    assert expired.pk != revoked.pk


HELLO = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": [5]}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "a\0"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "a\ud800"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
        ({"messages": HELLO * 2001}, "messages"),
        ({"n": 2}, "n"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"stream": "maybe"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": 5}, "stop"),
    ],
)
def test_wrong_field_is_named(site: Site, change: dict[str, Any], param: str) -> None:
    _, token = create_key(user=make_user(), name="raw")
    body = json.dumps({"model": "assistant", "messages": HELLO} | change).encode()
    key = f"Bearer {token}"
    status, answer, _ = call(site, "POST", "/v1/chat/completions", body, Authorization=key)
    error = answer["error"]
    assert (status, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert tuple(error) == ("message", "type", "param", "code")
    assert Thread.objects.count() == 0


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "code"),
    [
        ("GET", "/v1/nowhere", b"", 404, "unknown_url"),
        ("GET", "/api/v1/nowhere", b"", 404, "unknown_url"),
        ("GET", "/v1", b"", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", b"", 405, None),
        ("DELETE", "/v1/models", b"", 405, None),
        ("POST", "/v1/chat/completions", b"{", 400, None),
        ("POST", "/v1/chat/completions", b"[" * 100_000, 400, None),
        ("POST", "/v1/chat/completions", b"", 400, None),
        ("POST", "/v1/chat/completions", b"x" * 10_000_000, 413, None),
    ],
)
def test_every_error_has_openais_shape(
    site: Site, verb: str, path: str, body: bytes, status: int, code: str | None
) -> None:
    _, token = create_key(user=make_user(), name="raw")
    found, answer, headers = call(site, verb, path, body, Authorization=f"Bearer {token}")
    assert (found, answer["error"]["code"]) == (status, code)
    assert tuple(answer["error"]) == ("message", "type", "param", "code")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert ("Allow" in headers) == (status == 405)


def test_preflight_echoes_what_browser_sdks_ask_for(site: Site) -> None:
    asked = "authorization,content-type,x-stainless-os,x-stainless-retry-count"
    status, _, headers = call(
        site, "OPTIONS", "/v1/chat/completions", Access_Control_Request_Headers=asked
    )
    assert (status, headers["Access-Control-Allow-Headers"]) == (204, asked)


def test_no_text_and_no_key_is_logged(site: Site) -> None:
    client = client_of(site)
    send(client, "Unmistakable words")
    log = site.log.read_text()
    assert ("Unmistakable" in log, client.api_key in log) == (False, False)


def test_one_persons_threads_take_turns_and_are_bounded(site: Site) -> None:
    client = client_of(site)
    streams = [send(client, f"{n} words=1 after=stall", stream=True) for n in range(5)]
    with pytest.raises(openai.RateLimitError) as raised:
        send(client, "One more")
    assert raised.value.response.headers["retry-after"] == "1"
    for stream in streams:
        stream.response.close()
    wait_for(lambda: not Reply.objects.in_flight().exists())
