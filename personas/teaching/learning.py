"""Keep what is known of a persona's writing right, in its `metadata`."""

from __future__ import annotations

from django.utils import timezone

from personas.models import Persona


def learn(persona: Persona) -> None:
    """Measure the persona's samples again, and save what was found.

    Call it with the persona locked: `metadata` is written as a whole.
    """
    known = persona.metadata if isinstance(persona.metadata, dict) else {}
    persona.metadata = known | {
        "sampleCount": persona.samples.count(),
        "lastTrained": timezone.now().isoformat(),
    }
    persona.save(update_fields=["metadata", "updated_at"])
