"""Add, edit and remove the samples of a persona.

Every function locks the persona first, so concurrent changes of one persona are serialised.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from personas.models import Persona, Sample
from personas.teaching import learning
from personas.voice import Voice

MAX_SAMPLES = 5_000  # of one persona
MAX_LENGTH = 20_000  # characters of one sample
MAX_ORIGIN = 200
BATCH = 500
INSTANT = timedelta(microseconds=1)  # between samples that are added together
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class NewSample:
    """A text to add, and where it comes from: a `Sample.Source` and a name."""

    text: str
    source: str = Sample.Source.FORM
    origin: str = ""


@dataclass
class Added:
    """How many samples were added, were there already, and did not fit."""

    added: int = 0
    duplicates: int = 0
    too_many: int = 0


def fingerprint(text: str) -> UUID:
    """Return a number that is the same for texts with the same words in the same order."""
    words = WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    basis = " ".join(words) or text.strip()
    return uuid.UUID(bytes=hashlib.blake2b(basis.encode(), digest_size=16).digest())


@transaction.atomic
def add_samples(*, persona: Persona, texts: Iterable[NewSample]) -> Added:
    """Add texts as samples, the last as the newest; learn from all samples.

    Duplicates are left out, and what exceeds MAX_SAMPLES.
    """
    locked = lock(persona)
    complete(locked)
    known = set(locked.samples.values_list("fingerprint", flat=True))
    room = MAX_SAMPLES - len(known)
    result, rows, now = Added(), [], timezone.now()
    for new in texts:
        text = new.text.strip()[:MAX_LENGTH]
        if not text:
            continue
        mark = fingerprint(text)
        if mark in known:
            result.duplicates += 1
        elif result.added == room:
            result.too_many += 1
        else:
            known.add(mark)
            result.added += 1
            rows.append(
                Sample(
                    persona=locked,
                    text=text,
                    source=new.source,
                    origin=new.origin[:MAX_ORIGIN],
                    fingerprint=mark,
                    created_at=now + result.added * INSTANT,
                )
            )
    Sample.objects.bulk_create(rows, batch_size=BATCH)
    if rows:
        learning.learn(locked)
    return result


class DuplicateError(Exception):
    """The persona has another sample with the same words."""


@transaction.atomic
def edit_sample(*, sample: Sample, text: str) -> None:
    """Replace the text of a sample.

    Raises:
        DuplicateError: Another sample has the same words; nothing is changed.
    """
    persona = lock(sample.persona)
    mark = fingerprint(text)
    if persona.samples.filter(fingerprint=mark).exclude(pk=sample.pk).exists():
        raise DuplicateError
    sample.text, sample.fingerprint = text.strip()[:MAX_LENGTH], mark
    sample.save(update_fields=["text", "fingerprint", "updated_at"])
    learning.learn(persona)


@transaction.atomic
def remove_samples(*, persona: Persona, keys: Iterable[UUID]) -> int:
    """Delete samples of the persona; return how many there were."""
    locked = lock(persona)
    removed, _ = locked.samples.filter(pk__in=list(keys)).delete()
    learning.learn(locked)
    return removed


@transaction.atomic
def remove_all(*, persona: Persona) -> int:
    """Delete all samples of the persona; return how many there were."""
    locked = lock(persona)
    removed, _ = locked.samples.all().delete()
    learning.learn(locked)
    return removed


def lock(persona: Persona) -> Persona:
    """Lock the persona until the transaction ends, and return it as it is now."""
    return Persona.objects.select_for_update(no_key=True).get(pk=persona.pk)


@transaction.atomic
def ensure_complete(*, persona: Persona) -> None:
    """Turn what earlier versions and other programs have written into complete rows."""
    if Voice.read(persona.metadata).sample_texts or unmarked(persona).exists():
        locked = lock(persona)
        complete(locked)
        learning.learn(locked)


@transaction.atomic
def learn_again(*, persona: Persona) -> int:
    """Complete the samples and measure them again; return how many there are."""
    locked = lock(persona)
    complete(locked)
    learning.learn(locked)
    return locked.samples.count()


def unmarked(persona: Persona) -> QuerySet[Sample]:
    """Return the samples without a fingerprint."""
    return persona.samples.filter(fingerprint=None)


def complete(persona: Persona) -> None:
    """Give rows their fingerprints, and turn `sampleTexts` into rows; drop duplicates."""
    known = set(persona.samples.exclude(fingerprint=None).values_list("fingerprint", flat=True))
    for sample in unmarked(persona).order_by("created_at", "id").iterator(chunk_size=BATCH):
        sample.fingerprint = fingerprint(sample.text)
        if sample.fingerprint in known:
            sample.delete()
        else:
            known.add(sample.fingerprint)
            sample.save(update_fields=["fingerprint"])
    left = Voice.read(persona.metadata).sample_texts
    if not left:
        return
    texts = {fingerprint(text): text for text in reversed(left)}
    now = timezone.now()
    Sample.objects.bulk_create(
        [
            Sample(persona=persona, text=text, fingerprint=mark, created_at=now + n * INSTANT)
            for n, (mark, text) in enumerate(reversed(texts.items()))
            if mark not in known
        ],
        batch_size=BATCH,
    )
    persona.metadata = {
        key: value for key, value in persona.metadata.items() if key != "sampleTexts"
    }
    persona.save(update_fields=["metadata", "updated_at"])
