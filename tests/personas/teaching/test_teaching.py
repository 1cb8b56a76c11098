"""Adding, editing and removing samples, and the pages that do it."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from personas.models import Persona, Sample
from personas.teaching import learning, samples
from personas.teaching.samples import NewSample
from tests.factories import make_message, make_persona, make_thread, make_user
from tests.personas.teaching.files import IPHONE

pytestmark = pytest.mark.django_db
TEXTS = [f"Hi Bob,\n\nto be honest I cannot come on day {n}.\n\nBest,\nAlice" for n in range(6)]


@pytest.fixture
def persona() -> Persona:
    return make_persona(make_user(), "Work me")


def texts(persona: Persona) -> list[str]:
    return list(persona.samples.newest_first().values_list("text", flat=True))


def teach(persona: Persona, *words: str, source: str = "form") -> samples.Added:
    added = samples.add_samples(persona=persona, texts=[NewSample(one, source) for one in words])
    persona.refresh_from_db()
    return added


def test_samples_are_added_once_and_the_earlier_metadata_is_filled(persona: Persona) -> None:
    added = teach(persona, *TEXTS, "hi bob: TO BE honest, I cannot come on day 3 - best Alice", " ")
    assert (added.added, added.duplicates, added.too_many) == (6, 1, 0)
    assert texts(persona) == TEXTS[::-1]
    known = persona.metadata
    assert (known["sampleCount"], known["riskLevel"]) == (6, "high")
    assert (known["wordCount"], known["avgSentenceLength"]) == (78, 3.2)
    assert known["commonPhrases"][0] == "to be honest i cannot"
    assert known["learnt"]["openings"][0][2] == [
        str(row.pk) for row in persona.samples.newest_first()[:3]
    ]
    assert "lastTrained" in known


def test_what_the_person_typed_stays_and_the_rest_follows_the_samples(persona: Persona) -> None:
    Persona.objects.update(metadata={"tone": "dry", "unknown": [1]})
    teach(persona, *TEXTS)
    assert (persona.metadata["tone"], persona.metadata["unknown"]) == ("dry", [1])
    assert persona.metadata["commonPhrases"]
    samples.remove_all(persona=persona)
    persona.refresh_from_db()
    assert persona.metadata["sampleCount"] == 0
    assert not {"wordCount", "commonPhrases", "riskLevel"} & persona.metadata.keys()


def test_sample_is_edited_but_not_into_another(persona: Persona) -> None:
    teach(persona, "One text", "Another text")
    first = persona.samples.get(text="One text")
    with pytest.raises(samples.DuplicateError):
        samples.edit_sample(sample=first, text="another TEXT!")
    samples.edit_sample(sample=first, text="Its own text")
    assert texts(persona) == ["Another text", "Its own text"]


def test_no_more_samples_than_a_twin_keeps(
    persona: Persona, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "MAX_SAMPLES", 2)
    added = teach(persona, "One", "Two", "Three")
    assert (added.added, added.too_many) == (2, 1)


def test_samples_that_others_wrote_are_completed(persona: Persona) -> None:
    Persona.objects.update(metadata={"sampleTexts": ["Old one.", "Old two.", "old TWO"]})
    Sample.objects.create(persona=persona, text="By another program")
    Sample.objects.create(persona=persona, text="by another program!")
    persona.refresh_from_db()
    samples.ensure_complete(persona=persona)
    persona.refresh_from_db()
    assert texts(persona) == ["Old two.", "Old one.", "By another program"]
    assert persona.metadata["sampleCount"] == 3
    assert "sampleTexts" not in persona.metadata
    assert not persona.samples.filter(fingerprint=None).exists()


def test_many_texts_are_measured_in_a_process_with_the_same_result(
    persona: Persona, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(persona, *TEXTS)
    monkeypatch.setattr(learning, "MAX_INLINE", 10)
    assert learning.measure(persona) | {"tone": [], "writtenTone": ""} == {
        key: value for key, value in persona.metadata["learnt"].items() if key != "writtenPhrases"
    } | {"tone": [], "writtenTone": ""}


def test_file_is_previewed_and_added_and_a_finding_struck_out(persona: Persona) -> None:
    client = Client()
    client.force_login(persona.user)
    address = f"/personas/{persona.pk}"
    chat = IPHONE + "[31.12.23, 21:50:00] Alice: my PIN is 1234\n"
    shown = client.post(
        f"{address}/teach/preview/", {"file": SimpleUploadedFile("chat.txt", chat.encode())}
    )
    page = shown.content.decode()
    assert shown.status_code == 200
    assert re.findall(r'name="speaker" value="(\w+)"( checked)?', page) == [
        ("Alice", " checked"),
        ("Bob", ""),
    ]
    assert 'title="Looks like a password">1234</mark>' in page
    assert not persona.samples.exists()
    match = re.search(r'name="token" value="([^"]+)"', page)
    assert match
    form = {"token": match[1], "name": "chat.txt", "speaker": "Alice"}
    again = client.post(f"{address}/teach/add/", form | {"speaker": "Bob", "preview": "1"})
    assert 'value="Bob" checked' in again.content.decode()
    assert client.post(f"{address}/teach/add/", form).status_code == 302
    assert [(row.source, row.origin) for row in persona.samples.all()] == [("whatsapp", "chat.txt")]
    gone = client.post(f"{address}/teach/add/", form)
    assert (gone.status_code, b"Choose it again" in gone.content) == (422, True)

    finding = {"finding": "emoji:😀"}
    assert client.post(f"{address}/learnt/", finding).status_code == 302
    persona.refresh_from_db()
    assert persona.metadata["struckOut"] == ["emoji:😀"]
    client.post(f"{address}/learnt/", finding | {"keep": "1"})
    persona.refresh_from_db()
    assert "struckOut" not in persona.metadata
    row = persona.samples.get()
    assert client.get(f"/personas/samples/{row.pk}/").status_code == 200
    client.post(f"/personas/samples/{row.pk}/", {"text": "Other words"})
    assert texts(persona) == ["Other words"]
    client.post(f"{address}/teach/remove/", {"sample": [str(row.pk), "x"]})
    assert texts(persona) == []


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({}, "Choose a file"),
        ({"file": SimpleUploadedFile("a.pdf", b"%PDF")}, "PDF"),
        ({"pasted": "x" * 500_001}, "at most"),
        ({"pasted": '{"a": 1}'}, "not an export of ChatGPT"),
    ],
)
def test_what_cannot_be_read_changes_nothing(
    persona: Persona, form: dict[str, Any], reason: str
) -> None:
    client = Client()
    client.force_login(persona.user)
    answer = client.post(f"/personas/{persona.pk}/teach/preview/", form)
    assert (answer.status_code, reason in answer.content.decode()) == (422, True)
    assert not persona.samples.exists()


def test_own_messages_are_samples(persona: Persona) -> None:
    thread = make_thread(persona.user)
    for text in ("I would rather stay at home.", "short", "```\nprint(1)\n``` what is this code"):
        make_message(thread, text)
    make_message(thread, "An answer of the assistant", role="assistant")
    make_message(make_thread(make_user("bob")), "Somebody else wrote this text")
    client = Client()
    client.force_login(persona.user)
    assert b"1 message<" in client.get(f"/personas/{persona.pk}/teach/messages/").content
    client.post(f"/personas/{persona.pk}/teach/messages/")
    assert texts(persona) == ["I would rather stay at home."]
