"""Reading and writing the voice in metadata of any shape."""

import pytest

from personas.colors import contrast, text_on
from personas.models import Persona
from personas.voice import Voice

OLD = {
    "tone": "friendly",
    "riskLevel": "low",
    "commonPhrases": ["see you", "no worries"],
    "wordCount": 1234,
    "avgSentenceLength": "14.2",
    "sampleCount": 3,
    "lastTrained": "2025-01-27T11:30:00Z",
}


def test_metadata_of_the_earlier_product_is_used() -> None:
    assert Voice.read(OLD) == Voice(
        tone="friendly",
        common_phrases=("see you", "no worries"),
        average_sentence=14.2,
        words_read=1234,
    )


@pytest.mark.parametrize(
    "metadata", [None, [], "text", 7, True, {"tone": None}, {"wordCount": "many"}, {"tone": False}]
)
def test_metadata_of_any_shape_is_read_as_an_empty_voice(metadata: object) -> None:
    assert Voice.read(metadata) == Voice()
    assert Voice(tone="dry").written_into(metadata)["tone"] == "dry"


@pytest.mark.parametrize(
    ("phrases", "read"),
    [
        ({"see you": 4, "ok": 2}, ("see you", "ok")),
        ("see you\nok", ("see you", "ok")),
        (
            [{"phrase": "see you", "count": 4}, {"text": "ok"}, {"other": 1}, 5, None],
            ("see you", "ok", "5"),
        ),
    ],
)
def test_phrases_are_read_in_every_known_shape(phrases: object, read: tuple[str, ...]) -> None:
    assert Voice.read({"commonPhrases": phrases}).common_phrases == read


def test_writing_keeps_unknown_keys_and_unchanged_values() -> None:
    old = OLD | {"commonPhrases": {"see you": 4}, "unknown": {"deep": [1]}}
    voice = Voice.read(old)
    assert voice.written_into(old) == old
    changed = Voice(tone="dry", common_phrases=voice.common_phrases)
    assert changed.written_into(old) == old | {"tone": "dry"}


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Alice Moreau", "AM"), ("work", "W"), ("", "?"), ("a b c", "AC"), ("李 小龙", "李小")],
)
def test_initials(name: str, initials: str) -> None:
    assert Persona(name=name).initials == initials


def test_initials_are_readable_on_every_color() -> None:
    steps = [f"{value:02x}" for value in range(0, 256, 15)]
    colors = [f"#{red}{green}{blue}" for red in steps for green in steps for blue in steps]
    assert min(contrast(text_on(color), color) for color in colors) >= 4.5
