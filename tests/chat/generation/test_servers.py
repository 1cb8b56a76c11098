"""Model servers as they are found in the world, each answer byte by byte."""

import json

import pytest

from tests.chat.provider_server import ProviderServer
from tests.factories import make_thread, make_user
from tests.site import Site

pytestmark = pytest.mark.engines("any")

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
PAGE = b"<!doctype html><title>Welcome</title><p>Nothing here"
STOP = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


def word(text: str) -> bytes:
    """Return the event of some words, with its characters as they are."""
    data = json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False)
    return f"data: {data}\n\n".encode()


def answer(status: int, body: object, kind: str = "application/json", extra: str = "") -> bytes:
    """Return a whole HTTP answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{extra}Content-Length: {len(data)}"
    return head.encode() + b"\r\n\r\n" + data


SMILE = word("Grüße 😀 日本 ")
HALVES = [
    rb'data: {"choices":[{"delta":{"content":"%s"}}]}' % half for half in (rb"\ud83d", rb"\ude00")
]
WHOLE = [
    (
        "bytes",
        [STREAM, *(SMILE[at : at + 5] for at in range(0, len(SMILE), 5)), STOP, DONE],
        "Grüße 😀 日本 ",
    ),
    ("halves", [STREAM, HALVES[0] + b"\n\n", HALVES[1] + b"\n\n", STOP, DONE], "😀"),
    ("comments", [STREAM, b": wait\n\n", b": wait\r\n\r\n", word("Hi"), b":\n\n", STOP], "Hi"),
    ("returns", [STREAM, (word("Hi") + STOP + DONE).replace(b"\n", b"\r\n")], "Hi"),
    (
        "nul",
        [STREAM, rb'data: {"choices":[{"delta":{"content":"a\u0000b"}}]}' + b"\n\n", STOP],
        "a\ufffdb",
    ),
    ("big", [STREAM, word("word " * 60_000), STOP, DONE], "word " * 60_000),
    ("lines", [STREAM, word("a\u2028b\u0085c\r\nd"), STOP, DONE], "a\u2028b\u0085c\r\nd"),
    (
        "reasoning",
        [
            STREAM,
            b'data: {"choices":[{"delta":{"reasoning_content":"Hm"}}]}\n\n',
            b'data: {"choices":[{"delta":{"content":[{"type":"thinking","thinking":[]},'
            b'{"type":"text","text":"Hi"}]}}]}\n\n',
            STOP,
        ],
        "Hi",
    ),
    (
        "at once",
        [answer(200, {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]})],
        "Hi",
    ),
    (
        "refusal",
        [STREAM, b'data: {"choices":[{"delta":{"refusal":"No."},"finish_reason":"stop"}]}\n\n'],
        "No.",
    ),
]


@pytest.mark.parametrize(("name", "parts", "text"), WHOLE, ids=[case[0] for case in WHOLE])
def test_reply_is_whole(
    site: Site, provider: ProviderServer, name: str, parts: list[bytes], text: str
) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    provider.raws["this"] = parts
    reply = visitor.send(thread, "Hello raw=this")
    list(visitor.follow(reply.pk))
    reply.refresh_from_db()
    assert (reply.status, reply.failure, reply.error) == ("complete", "", "")
    assert thread.messages.get(role="assistant").content == text


GONE = {"error": {"message": "The model `small-model` does not exist"}}
BROKEN = [
    ("page", answer(200, PAGE, "text/html"), "no_service", "It answers with text/html."),
    ("error page", answer(502, PAGE, "text/html"), "broken", "502"),
    ("wrong path", answer(404, {"detail": "Not Found"}), "no_service", "404 Not Found"),
    ("wrong path's page", answer(404, PAGE, "text/html"), "no_service", "404"),
    ("no such model", answer(404, GONE), "no_model", f"404 {GONE['error']['message']}"),
    ("native error", answer(400, {"error": "bad options"}), "broken", "400 bad options"),
    ("forbidden", answer(403, {"error": {"message": "no"}}), "refused", "403 no"),
    ("unpaid", answer(402, {"error": {"message": "no credits"}}), "unpaid", "402 no credits"),
    (
        "used up",
        answer(429, {"error": {"message": "quota", "code": "insufficient_quota"}}),
        "unpaid",
        "429 quota",
    ),
    (
        "too long",
        answer(400, {"error": {"message": "x", "code": "context_length_exceeded"}}),
        "too_long",
        "400 x",
    ),
    ("error as 200", answer(200, {"error": {"message": "no memory"}}), "broken", "no memory"),
    ("no JSON", STREAM + b"data: {oops\n\n", "broken", None),
    ("no UTF-8", STREAM + b'data: {"choices":"\xff"}\n\n', "cut_off", None),
    ("deep", STREAM + b"data: " + b"[" * 200_000 + b"\n\n", "broken", None),
    ("empty stream", STREAM, "cut_off", ""),
    ("only done", STREAM + DONE, "empty", ""),
    ("only reasons", STREAM + STOP + DONE, "empty", ""),
    ("no line", STREAM + b"data: " + b"x" * 17_000_000, "broken", None),
    ("ended by an error", STREAM + STOP.replace(b"stop", b"error") + DONE, "broken", ""),
    ("no HTTP", b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "unreachable", None),
]


@pytest.mark.parametrize(
    ("name", "sent", "failure", "detail"), BROKEN, ids=[case[0] for case in BROKEN]
)
def test_answer_that_is_none_is_named(
    site: Site, provider: ProviderServer, name: str, sent: bytes, failure: str, detail: str | None
) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    provider.raws["this"] = [sent]
    reply = visitor.send(thread, "Hello raw=this")
    assert visitor.read(reply) == ("", "failed")
    reply.refresh_from_db()
    assert (reply.status, reply.failure) == ("failed", failure)
    assert detail is None or reply.error == detail
    assert "<" not in reply.error


def test_endless_reply_is_ended(site: Site, provider: ProviderServer) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    provider.raws["this"] = [STREAM, *[word("again " * 10_000)] * 30, STOP]
    reply = visitor.send(thread, "Hello raw=this")
    list(visitor.follow(reply.pk))
    reply.refresh_from_db()
    assert (reply.status, reply.failure) == ("failed", "length")
    assert 1_000_000 < len(thread.messages.get(role="assistant").content) < 1_100_000


def test_wait_that_was_asked_for_is_told(site: Site, provider: ProviderServer) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    busy = {"error": {"message": "overloaded"}}
    provider.raws["this"] = [answer(503, busy, extra="Retry-After: 1\r\n")]
    reply = visitor.send(thread, "Hello raw=this")
    (end,) = visitor.follow(reply.pk)
    assert "It asked for 1 second." in end.data["html"]
    assert "Details: 503 overloaded" in end.data["html"]


def test_server_that_counts_no_tokens_is_not_asked_to(site: Site, provider: ProviderServer) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    reply = visitor.send(thread, "Hello options=no words=2 usage=no")
    list(visitor.follow(reply.pk))
    reply.refresh_from_db()
    assert (reply.status, reply.prompt_tokens) == ("complete", None)
    assert thread.messages.get(role="assistant").content == "word1 word2 "
