"""Answers of odd servers, each with its right outcome."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chat.generation.chunks import FAILURES, Chunk, outcome, read_chunk
from chat.generation.reasoning import ReasoningFilter, without_reasoning
from chat.generation.sse import DONE, Events, Unreadable
from chat.generation.titles import title_from
from chat.models import Reply
from tests.chat.generation.test_servers import DONE as DONE_EVENT
from tests.chat.generation.test_servers import STOP, STREAM, answer, word
from tests.chat.provider_server import ProviderServer
from tests.factories import make_thread, make_user
from tests.site import Site
from tests.waiting import wait_for
from threads.models import Thread

pytestmark = pytest.mark.engines("any")

CASES = Path(__file__).parent.parent / "cases"


def stream(name: str) -> list[bytes]:
    return [STREAM, (CASES / f"{name}.sse").read_bytes()]


def reply_to(site: Site, provider: ProviderServer, parts: list[bytes]) -> Reply:
    alice = make_user()
    visitor = site.log_in(alice)
    provider.raws["this"] = parts
    reply = visitor.send(make_thread(alice, "Named", title_is_automatic=False), "Hello raw=this")
    list(visitor.follow(reply.pk))
    reply.refresh_from_db()
    return reply


@pytest.mark.parametrize(
    ("name", "failure", "text", "error"),
    [
        ("B-1", "", "Hello world.", ""),
        ("B-4", "", "Hello world.", ""),
        ("B-5", "", "Hello world.", ""),
        ("B-11", "broken", "Hello ", "boom"),
        ("B-12", "too_long", None, "This model's maximum context length is 4096 tokens"),
        ("B-15", "rate_limited", None, "Rate limit exceeded, please slow down"),
        ("B-16", "", "Hello world.", ""),
    ],
)
def test_stream_of_an_odd_server(
    site: Site, provider: ProviderServer, name: str, failure: str, text: str | None, error: str
) -> None:
    reply = reply_to(site, provider, stream(name))
    assert (reply.failure, reply.error) == (failure, error)
    assert (reply.answer.content if reply.answer else None) == text
    assert reply.completion_tokens is None
    if name == "B-4":
        assert reply.prompt_tokens == 1151


def test_content_filter_of_azure_is_named(site: Site, provider: ProviderServer) -> None:
    case = json.loads((CASES / "B-13.json").read_text())
    reply = reply_to(site, provider, [answer(case["status"], case["body"])])
    assert reply.failure == "filtered"
    assert reply.error.startswith("400 The response was filtered due to the prompt")


def test_reasoning_is_never_a_title() -> None:
    assert title_from(read_chunk(json.loads((CASES / "B-6.json").read_text()))) == ""


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 2**31, "completion_tokens": 2**63},
        {"prompt_tokens": 1.5, "completion_tokens": "9"},
        {"prompt_tokens": True, "completion_tokens": -1},
        {"prompt_tokens": 10**30, "completion_tokens": [1]},
        [],
        "many",
    ],
)
def test_counts_never_keep_a_reply_from_being_saved(
    site: Site, provider: ProviderServer, usage: Any
) -> None:
    counts = f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n".encode()
    reply = reply_to(site, provider, [STREAM, word("Hi"), STOP, counts, DONE_EVENT])
    assert (reply.status, reply.prompt_tokens, reply.completion_tokens) == ("complete", None, None)


def test_error_of_characters_that_no_database_stores_is_saved(
    site: Site, provider: ProviderServer
) -> None:
    reply = reply_to(site, provider, [STREAM, rb'data: {"error": "a\u0000b\ud83d"}' + b"\n\n"])
    assert (reply.failure, reply.error) == ("broken", "a�b�")


def refusing(rule: str, message: str) -> Any:
    """Return a server's answer that refuses requests in which the rule is found."""

    def respond(request: dict[str, Any]) -> list[bytes] | None:
        if re.search(rule, json.dumps(request)):
            return [answer(400, {"error": {"message": message}})]
        return None

    return respond


def test_system_text_precedes_the_first_question_where_the_role_is_refused(
    site: Site, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = json.loads((CASES / "B-9.txt").read_text().split("400 ")[1].split(" whenever")[0])
    rule = refusing('"role": "system"', message["error"]["message"])
    monkeypatch.setattr(provider, "_complete", refuse_first(provider, rule))
    alice = make_user()
    visitor = site.log_in(alice)
    thread = make_thread(alice, "Named", title_is_automatic=False, model="no-system-role")
    for _ in range(2):
        assert visitor.read(visitor.send(thread, "Hello words=2"))[1] == "complete"
    roles = [[one["role"] for one in request["messages"]] for request in provider.requests[-3:]]
    assert roles == [["system", "user"], ["user"], ["user", "assistant", "user"]]
    assert "helpful assistant" in provider.requests[-2]["messages"][0]["content"]


def test_other_name_of_max_tokens_is_learnt(
    site: Site, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = json.loads((CASES / "B-7.txt").read_text().partition("\n")[2])["error"]["message"]
    rule = refusing('"max_tokens"', message)
    monkeypatch.setattr(provider, "_complete", refuse_first(provider, rule))
    alice = make_user()
    visitor = site.log_in(alice)
    thread = make_thread(alice, "New", title_is_automatic=True, model="new-parameter")
    visitor.send(thread, "Hello words=2")
    wait_for(lambda: Thread.objects.get().title == "A fitting title")
    names = [
        set(request) & {"max_tokens", "max_completion_tokens"} for request in provider.requests
    ]
    assert names[-2:] == [{"max_tokens"}, {"max_completion_tokens"}]


def refuse_first(provider: ProviderServer, rule: Any) -> Any:
    """Return the server's method that answers, with a rule before it."""
    complete = provider._complete

    async def respond(writer: Any, request: dict[str, Any]) -> None:
        if parts := rule(request):
            provider.requests.append(request)
            writer.writelines(parts)
        else:
            await complete(writer, request)

    return respond


HELLO = b'{"choices": [{"delta": {"content": "Hi"}}]}'


@pytest.mark.parametrize(
    "raw",
    [
        b"data: %s\n\n" % HELLO,
        b"data:%s\n\n" % HELLO,
        b"data: %s\r\n\r\n" % HELLO,
        b"data: %s\r\r" % HELLO,
        b"data: %s\n" % HELLO,
        b"data: %s" % HELLO,
        b"\xef\xbb\xbfdata: %s\n\n" % HELLO,
        b"\xef\xbb\xbf%s" % HELLO,
        b": comment\n\ndata: %s\n\n" % HELLO,
        b"data:\n\ndata: %s\n\n" % HELLO,
        b"data: [PING]\n\ndata: %s\n\n" % HELLO,
        b"event: message\nid: 1\nretry: 5\ndata: %s\n\n" % HELLO,
        b'data: {"choices":\ndata: [{"delta": {"content": "Hi"}}]}\n\n',
        HELLO,
    ],
)
def test_event_is_read_however_it_is_written(raw: bytes) -> None:
    for size in (1, 3, 1000):
        reader = Events()
        found = [
            event
            for start in range(0, len(raw), size)
            for event in reader.feed(raw[start : start + size])
        ]
        found += reader.close()
        assert [read_chunk(data) for _, data in found] == [Chunk("Hi")]


def test_broken_byte_loses_one_character() -> None:
    reader = Events()
    (event,) = reader.feed(HELLO.join([b"data: ", b"\n\n"]).replace(b"Hi", b"H\xffi"))
    assert read_chunk(event[1]) == Chunk("H�i")


def test_data_that_is_no_json_is_reported_and_ends_nothing() -> None:
    reader = Events()
    events = list(reader.feed(b"data: {oops\n\ndata: %s\n\ndata: [DONE]\n\n" % HELLO))
    assert [type(data) for _, data in events] == [Unreadable, dict, str]
    assert events[2][1] == DONE


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        *((reason, failure) for failure, reasons in FAILURES.items() for reason in sorted(reasons)),
        ("stop", None),
        ("STOP", None),
        ("end_turn", None),
        ("SAFETY", "filtered"),
        ("MAX_TOKENS", "length"),
        ("a_new_reason", "cut_off"),
    ],
)
def test_reason_for_the_end_is_known(reason: str, failure: str | None) -> None:
    assert outcome(reason, has_text=True, is_done=True) == failure


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>\nHm\n</think>\n\nHello", "Hello"),
        ("<thinking>Hm</thinking>Hello", "Hello"),
        ("\n <THINK>Hm</Think>Hello", "Hello"),
        ("<think></think><think>Hm</think> Hello", "Hello"),
        ("<think>never ended", ""),
        ("<thinker>Hello", "<thinker>Hello"),
        ("<b>Hello</b>", "<b>Hello</b>"),
        ("Hello <think>x</think>", "Hello <think>x</think>"),
        ("  Hello", "  Hello"),
        ("<", "<"),
        ("   ", "   "),
        ("", ""),
        ("Hm.\n</think>\n\nHello", "Hello"),
        ("</think>Hello\n", "</think>Hello\n"),
        ("Hm.\n</think>", ""),
        ("Close it with `</think>`\n", "Close it with `</think>`\n"),
        ("```\n</think>\n```", "```\n</think>\n```"),
        ("<think>Hm</think>Hello\n</think>\n", "Hello\n</think>\n"),
    ],
)
def test_reasoning_is_separated_however_it_arrives(text: str, expected: str) -> None:
    assert without_reasoning(text) == expected
    for size in (1, 2, 5):
        reader = ReasoningFilter()
        parts = [reader.feed(text[at : at + size]) for at in range(0, len(text), size)]
        reply, thought = "", ""
        for part in [*parts, reader.end()]:
            if part.is_recall:
                reply, thought = "", thought + reply
            reply, thought = reply + part.text, thought + part.reasoning
        assert reply == expected
        assert ("Hm" in thought) == ("Hm" in text)


def thought(field: str, text: object) -> bytes:
    """Return the event of some reasoning."""
    return f"data: {json.dumps({'choices': [{'delta': {field: text}}]})}\n\n".encode()


@pytest.mark.parametrize(
    "parts",
    [
        [thought("reasoning_content", "Hm, "), thought("reasoning_content", "secret"), word("Yes")],
        [thought("reasoning", "Hm, secret"), word("Yes")],
        [thought("content", [{"type": "thinking", "thinking": "Hm, secret"}]), word("Yes")],
        [word("<think>Hm, sec"), word("ret</th"), word("ink>\n\nYes")],
        [word("Hm, "), word("secret\n"), word("</think>"), word("\n\n"), word("Yes")],
    ],
)
def test_reasoning_is_kept_apart_from_the_reply(
    site: Site, provider: ProviderServer, parts: list[bytes]
) -> None:
    reply = reply_to(site, provider, [STREAM, *parts, STOP])
    assert reply.answer is not None
    assert (reply.answer.content, reply.reasoning, reply.failure) == ("Yes", "Hm, secret", "")
    assert reply.reasoning_ms is not None
    visitor = site.log_in(reply.thread.user)
    page = visitor.get(f"/threads/{reply.thread_id}/")[1]
    assert ("Thought for 1 second" in page, "secret" in page) == (True, False)
    assert "Hm, secret" in visitor.get(f"/replies/{reply.pk}/reasoning/")[1]
    assert "Nothing matches" in visitor.get("/search/?q=secret")[1]
    assert "secret" not in visitor.get(f"/threads/{reply.thread_id}/export/markdown/")[1]
    plain = visitor.get(f"/threads/{reply.thread_id}/export/markdown/?reasoning=1")[1]
    assert "Hm, secret" in plain
    assert '"reasoning":"Hm, secret"' in visitor.get("/export/json/")[1]
    list(visitor.follow(visitor.send(reply.thread, "And?").pk))
    assert "secret" not in json.dumps(provider.requests)
    other = site.log_in(make_user("bob"))
    assert other.get(f"/replies/{reply.pk}/reasoning/")[0] == 404


def test_every_case_has_a_test() -> None:
    source = Path(__file__).read_text()
    names = {path.stem for path in CASES.glob("B-*")}
    assert sorted(name for name in names if f'"{name}' not in source) == []
