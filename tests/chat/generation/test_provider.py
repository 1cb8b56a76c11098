"""Events as servers write them, in all their variety."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chat import unicode
from chat.failures import REMEDIES, Failure
from chat.generation import model_catalog, titles
from chat.generation.chunks import Chunk, read_chunk
from chat.generation.errors import ProviderError
from chat.generation.model_catalog import AvailableModel
from chat.generation.sse import events
from tests.chat.provider_server import MODELS, ProviderServer
from tests.waiting import wait_for

pytestmark = pytest.mark.engines("any")


@pytest.mark.parametrize(
    ("event", "chunk"),
    [
        ({"choices": [{"delta": {"content": "Hi"}}]}, Chunk("Hi")),
        ({"choices": [{"delta": {"content": None, "reasoning": "Hm"}}]}, Chunk(reasoning="Hm")),
        ({"choices": [{"delta": {"role": "assistant"}}]}, Chunk()),
        ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, Chunk("", "stop")),
        ({"choices": [{"finish_reason": "eos"}]}, Chunk("", "eos")),
        ({"choices": [{"delta": None}]}, Chunk()),
        ({"choices": []}, Chunk()),
        ({"choices": None}, Chunk()),
        ({}, Chunk()),
        ([], Chunk()),
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, Chunk("", "", 3, 4)),
        ({"usage": {"prompt_tokens": "many"}}, Chunk()),
    ],
)
def test_event_is_read_whatever_is_missing(event: object, chunk: Chunk) -> None:
    assert read_chunk(event) == chunk


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
        read_chunk({"error": error})
    assert caught.value.failure == failure


def test_events_are_put_together_from_any_pieces() -> None:
    words = ["Grüße\u2028\u0085", "two", "日本"]
    lines = [f"data: {json.dumps({'w': word}, ensure_ascii=False)}" for word in words]
    raw = "\r\n\r\n".join([": comment", *lines, 'data: {"w": "last"}', ""]).encode()

    async def read(size: int) -> list[Any]:
        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(raw), size):
                yield raw[start : start + size]

        return [event["w"] async for _, event in events(chunks())]

    assert [asyncio.run(read(size)) for size in (1, 2, 7, 1000)] == [[*words, "last"]] * 4


def test_every_failure_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Failure)


def test_text_is_cleaned_of_what_no_database_stores() -> None:
    assert unicode.storable("a\0b") == "a\ufffdb"
    assert unicode.storable("é\0\ud83d!") == "é\ufffd\ufffd!"
    assert unicode.storable("\ude00\ud83d\ude00") == "\ufffd😀"
    assert unicode.split_surrogate("a\ud83d") == ("a", "\ud83d")
    assert unicode.split_surrogate("a😀") == ("a😀", "")
    assert unicode.split_surrogate("") == ("", "")
    assert unicode.one_line("a\u202eb\n\x07 c\u2066") == "a b c"


def test_models_are_listed_and_remembered(provider: ProviderServer, settings: Any) -> None:
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = provider.url, "sk-1"
    assert [model.name for model in asyncio.run(model_catalog.available_models())] == MODELS
    assert asyncio.run(model_catalog.default_model()) == "large-model"
    assert provider.keys.count("sk-1") == 1
    assert model_catalog.context_tokens("large-model") == 32_000
    assert model_catalog.context_tokens("small-model") == settings.OPENAI_CONTEXT_TOKENS


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (
            {"data": [{"id": "b"}, {"id": "a", "max_model_len": 9}]},
            [AvailableModel("a", 9), AvailableModel("b")],
        ),
        ([{"id": "a", "context_length": "9"}], [AvailableModel("a")]),
        ({"data": ["a", {"id": 1}, {"name": "b"}, None]}, []),
        ({"data": None}, []),
        ({"error": "no"}, []),
        ("<html>", []),
    ],
)
def test_list_is_read_whatever_is_in_it(answer: object, found: list[AvailableModel]) -> None:
    assert model_catalog.read_models(answer) == found


def test_slow_list_is_waited_for_a_little_and_shown_once_it_is_there(
    provider: ProviderServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_catalog, "WAIT_SECONDS", 0.2)
    provider.hold_list()
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = provider.url, "sk-slow"
    assert asyncio.run(model_catalog.available_models()) == []
    wait_for(lambda: "sk-slow" in provider.keys)
    provider.release(gate="list")
    wait_for(lambda: asyncio.run(model_catalog.available_models()))
    assert [model.name for model in asyncio.run(model_catalog.available_models())] == MODELS
    assert provider.keys.count("sk-slow") == 1


def test_old_list_is_shown_while_the_new_one_is_on_its_way(
    provider: ProviderServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_catalog, "MAX_AGE_SECONDS", 0)
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = provider.url, "sk-old"
    assert [model.name for model in asyncio.run(model_catalog.available_models())] == MODELS
    provider.hold_list()
    assert [model.name for model in asyncio.run(model_catalog.available_models())] == MODELS


def test_server_that_is_away_offers_nothing(settings: Any) -> None:
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = "http://127.0.0.1:9/v1", ""
    assert asyncio.run(model_catalog.available_models()) == []
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


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ('<think>\nHm\n</think>\n\n"A Weekend in Porto."', "A Weekend in Porto"),
        ("It seems the person asks.\n</think>\nPorto", "Porto"),
        ("Title: **Porto in May**", "Porto in May"),
        ("Sure! Here is a title:\n\nPorto in May", "Porto in May"),
        ("Porto\u202e in\x07 May", "Porto in May"),
        ("I'm sorry, I can't help with that.", ""),
        ("<think>\nOkay, the user asked about rice and I need to name this", ""),
        ("", ""),
        ("_\n*", ""),
    ],
)
def test_title_of_a_model_is_tidied(text: str, title: str) -> None:
    assert titles.title_from(Chunk(text, "stop")) == title


def test_title_that_was_cut_short_is_not_used() -> None:
    assert titles.title_from(Chunk("A week in", "length")) == ""
    assert titles.title_from(Chunk("A week in Porto")) == "A week in Porto"
