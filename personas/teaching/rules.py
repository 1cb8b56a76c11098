"""Rules of a twin, which come from answers that the person did not like."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction

from personas.models import Persona
from personas.teaching.samples import lock
from personas.voice import Voice

MAX_RULES = 50
MAX_LENGTH = 300


@transaction.atomic
def add_rule(*, persona: Persona, rule: str) -> None:
    """Add a rule; the oldest gives way to one that is too many."""
    rule = " ".join(rule.split())[:MAX_LENGTH]
    locked = lock(persona)
    voice = Voice.read(locked.metadata)
    if rule and rule not in voice.rules:
        rules = (*voice.rules, rule)[-MAX_RULES:]
        locked.metadata = replace(voice, rules=rules).written_into(locked.metadata)
        locked.save(update_fields=["metadata", "updated_at"])
