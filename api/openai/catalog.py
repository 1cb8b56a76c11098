"""Which models a person has: the assistant, and a twin for each persona."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.utils.text import slugify

from api.openai.errors import OpenAIError
from chat.models import Reply
from personas.models import Persona
from users.models import User

ASSISTANT = "assistant"
OWNER = "twinthread"
# Digits of a persona's key that end its id, so that the id survives a renaming.
MARK_LENGTH = 4


@dataclass(frozen=True)
class Voice:
    """A model: who answers."""

    persona: Persona | None = None

    @property
    def role(self) -> Reply.Voice:
        """Return the voice of its replies."""
        return Reply.Voice.TWIN if self.persona else Reply.Voice.ASSISTANT


def models_of(user: User) -> list[dict[str, Any]]:
    """Return the models of a person."""
    created = int(user.created_at.timestamp())
    assistant = model(ASSISTANT, "Assistant", created)
    personas = Persona.objects.for_user(user)
    return [assistant, *(model_of(persona) for persona in personas)]


def model_of(persona: Persona) -> dict[str, Any]:
    """Return the model that a persona is."""
    return model(id_of(persona), persona.name, int(persona.created_at.timestamp()))


def model(name: str, shown: str, created: int) -> dict[str, Any]:
    """Return a model object; `name` is what some programs show in its place."""
    return {"id": name, "object": "model", "created": created, "owned_by": OWNER, "name": shown}


def id_of(persona: Persona) -> str:
    """Return a short id, such as captain-3f2a."""
    return f"{slug(persona)}-{persona.pk.hex[-MARK_LENGTH:]}"


def slug(persona: Persona) -> str:
    """Return a persona's name for typing."""
    return slugify(persona.name)[:40].strip("-") or "twin"


def find(user: User, wanted: str) -> Voice:
    """Return the model that a program asks for.

    A persona answers to its id, under an earlier name too, to its name alone and to its key.

    Raises:
        OpenAIError: There is no such model.
    """
    if wanted == ASSISTANT:
        return Voice()
    personas = list(Persona.objects.for_user(user))
    mark = wanted.rpartition("-")[2]
    matches = [
        [persona for persona in personas if id_of(persona) == wanted],
        [persona for persona in personas if persona.pk == as_uuid(wanted)],
        [
            persona
            for persona in personas
            if wanted.lower() in {slug(persona), persona.name.lower()}
        ],
        [persona for persona in personas if persona.pk.hex[-MARK_LENGTH:] == mark],
    ]
    found = next((some[0] for some in matches if some), None)
    if found is None:
        raise OpenAIError(
            HTTPStatus.NOT_FOUND, "There is no such model.", "model_not_found", "model"
        )
    return Voice(found)


def as_uuid(text: str) -> uuid.UUID | None:
    """Return the key that `text` writes, if it writes one."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
