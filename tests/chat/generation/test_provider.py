"""Events as servers write them, in all their variety."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chat import characters
from chat.failures import REMEDIES, Failure
from chat.generation import model_catalog, provider, titles
from chat.generation.model_catalog import Offer
from chat.generation.provider import Piece, ProviderError
from tests.chat.provider_server import MODELS, ProviderServer


@pytest.mark.parametrize(
    ("event", "piece"),
    [
        ({"choices": [{"delta": {"content": "Hi"}}]}, Piece("Hi")),
        ({"choices": [{"delta": {"content": None, "reasoning": "Hm"}}]}, Piece()),
        ({"choices": [{"delta": {"role": "assistant"}}]}, Piece()),
        ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, Piece("", "stop")),
        ({"choices": [{"finish_reason": "eos"}]}, Piece("", "eos")),
        ({"choices": [{"delta": None}]}, Piece()),
        ({"choices": []}, Piece()),
        ({"choices": None}, Piece()),
        ({}, Piece()),
        ([], Piece()),
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, Piece("", "", 3, 4)),
        ({"usage": {"prompt_tokens": "many"}}, Piece()),
    ],
)
def test_event_is_read_whatever_is_missing(event: object, piece: Piece) -> None:
    assert provider.read(event) == piece


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"message": "the card is on fire"}, Failure.BROKEN),
        ("out of memory", Failure.BROKEN),
        ({"message": "This model's maximum context length is 4096 tokens."}, Failure.TOO_LONG),
        ({"message": "the request exceeds the available context size"}, Failure.TOO_LONG),
        ({"message": "prompt is too long: 9000 tokens"}, Failure.TOO_LONG),
    ],
)
def test_error_in_the_middle_is_named(error: object, failure: Failure) -> None:
    with pytest.raises(ProviderError) as caught:
        provider.read({"error": error})
    assert caught.value.failure == failure


def test_events_are_put_together_from_any_pieces() -> None:
    words = ["Grüße\u2028\u0085", "two", "日本"]
    lines = [f"data: {json.dumps({'w': word}, ensure_ascii=False)}" for word in words]
    raw = "\r\n\r\n".join([": comment", *lines, "data:[DONE]", 'data: {"w": "no"}', ""]).encode()

    async def read(size: int) -> list[Any]:
        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(raw), size):
                yield raw[start : start + size]

        return [event["w"] async for event in provider.events(chunks())]

    assert [asyncio.run(read(size)) for size in (1, 2, 7, 1000)] == [words] * 4


def test_every_failure_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Failure)


def test_text_is_cleaned_of_what_no_database_takes() -> None:
    assert characters.clean("a\0b") == "ab"
    assert characters.clean("é\0\ud83d!") == "é\ufffd!"
    assert characters.clean("\ude00\ud83d\ude00") == "\ufffd😀"
    assert characters.whole("a\ud83d") == ("a", "\ud83d")
    assert characters.whole("a😀") == ("a😀", "")
    assert characters.whole("") == ("", "")


def test_models_are_listed_and_remembered(provider: ProviderServer, settings: Any) -> None:
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = provider.url, "sk-1"
    assert [offer.name for offer in asyncio.run(model_catalog.listed())] == MODELS
    before = len(provider.keys)
    assert asyncio.run(model_catalog.default_model()) == "large-model"
    assert len(provider.keys) == before
    assert model_catalog.context_tokens("large-model") == 32_000
    assert model_catalog.context_tokens("small-model") == settings.OPENAI_CONTEXT_TOKENS


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"data": [{"id": "b"}, {"id": "a", "max_model_len": 9}]}, [Offer("a", 9), Offer("b")]),
        ([{"id": "a", "context_length": "9"}], [Offer("a")]),
        ({"data": ["a", {"id": 1}, {"name": "b"}, None]}, []),
        ({"data": None}, []),
        ({"error": "no"}, []),
        ("<html>", []),
    ],
)
def test_list_is_read_whatever_is_in_it(answer: object, found: list[Offer]) -> None:
    assert model_catalog.read(answer) == found


def test_slow_list_is_waited_for_a_little_and_shown_once_it_is_there(
    provider: ProviderServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_catalog, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(provider, "list_wait", 1.0)
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = provider.url, "sk-slow"
    begin = time.monotonic()
    assert asyncio.run(model_catalog.listed()) == []
    assert time.monotonic() - begin < 0.9
    before = len(provider.keys)
    time.sleep(1.5)
    assert [offer.name for offer in asyncio.run(model_catalog.listed())] == MODELS
    assert len(provider.keys) <= before + 1


def test_old_list_is_shown_while_the_new_one_is_on_its_way(
    provider: ProviderServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_catalog, "FRESH_SECONDS", 0)
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = provider.url, "sk-old"
    assert [offer.name for offer in asyncio.run(model_catalog.listed())] == MODELS
    monkeypatch.setattr(provider, "list_wait", 1.0)
    begin = time.monotonic()
    assert [offer.name for offer in asyncio.run(model_catalog.listed())] == MODELS
    assert time.monotonic() - begin < 0.9


def test_server_that_is_away_offers_nothing(settings: Any) -> None:
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = "http://127.0.0.1:9/v1", ""
    assert asyncio.run(model_catalog.listed()) == []
    assert asyncio.run(model_catalog.default_model()) == ""


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Plan a trip", "Plan a trip"),
        ("# **Plan** a `trip`", "Plan a trip"),
        ("word " * 30, "word " * 11 + "word…"),
        ("x" * 100, "x" * 60 + "…"),
        ("\n\n", ""),
    ],
)
def test_title_is_made_of_the_first_words(text: str, title: str) -> None:
    assert titles.from_first_words(text) == title


def test_title_of_a_model_is_tidied() -> None:
    assert titles.tidy('<think>\nHm\n</think>\n\n"A Weekend in Porto."') == "A Weekend in Porto"
