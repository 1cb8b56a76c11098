"""The samples that fit a message best."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat.generation import twin
from chat.generation.tokens import estimate_tokens
from chat.search.samples import best
from personas.teaching.samples import NewSample, add_samples, edit_sample
from tests.factories import make_persona, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.engines("sqlite", "postgresql")]
TEXTS = [
    "I bought a new tent for the summer.",
    "The meeting is on Monday, as always.",
    "北京烤鸭很好吃。",
    "Über die Straße gehen wir nicht.",
    "The tent is too small, the other tent was better.",
    "Nothing to add.",
]


def test_samples_with_the_rarest_words_come_first() -> None:
    persona = make_persona(make_user())
    add_samples(persona=persona, texts=map(NewSample, TEXTS))
    other = make_persona(make_user("bob"))
    add_samples(persona=other, texts=[NewSample("My tent is green, the meeting was fun.")])
    with CaptureQueriesContext(connection) as queries:
        found = best(persona, "Which TENT should the family take?", limit=3)
    assert len(queries) == 1
    assert found[:2] in ([TEXTS[4], TEXTS[0]], [TEXTS[0], TEXTS[4]])
    assert best(persona, "烤鸭", limit=1) == [TEXTS[2]]
    assert best(persona, "strasse", limit=1) == [TEXTS[3]]
    # Without a match, the newest follow, and no text is a syntax of the index.
    assert best(persona, "\"' & | ! ( xyzzy*", limit=2) == [TEXTS[5], TEXTS[4]]
    assert best(persona, "", limit=9) == TEXTS[::-1]
    sample = persona.samples.get(text=TEXTS[1])
    edit_sample(sample=sample, text="A word about dinosaurs.")
    assert best(persona, "dinosaurs", limit=1) == ["A word about dinosaurs."]
    sample.delete()
    assert len(best(persona, "dinosaurs", limit=9)) == 5


def test_samples_never_exceed_the_room() -> None:
    alice = make_user()
    persona = make_persona(alice)
    add_samples(persona=persona, texts=[NewSample(f"{n} " + "word " * 60) for n in range(40)])
    for room in (0, 200, 600, 2_000, 100_000):
        sent = twin.instructions(persona, "Alice", question="word?", room=room)
        bare = twin.instructions(persona, "Alice", question="word?", room=0)
        assert sent == bare or estimate_tokens(sent) + estimate_tokens("word?") <= room
    assert sent.count("\n---\n") == twin.MAX_SAMPLES
