"""Personas for the earlier browser client."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.http import HttpResponse
from django.utils import timezone
from ninja import Router, Schema
from ninja.errors import HttpError

from api.browser_client import shapes
from api.contracts import json_response
from api.fields import Text, own
from api.requests import KeyRequest
from personas.forms import MAX_DESCRIPTION_LENGTH
from personas.models import DEFAULT_COLOR, Persona
from personas.switching import LastPersonaError, add_persona, delete_persona, switch_to
from users.forms import MAX_NAME_LENGTH
from users.models import User

router = Router()
LAST = "You cannot delete your only persona"
LIMITS = {"name": MAX_NAME_LENGTH, "description": MAX_DESCRIPTION_LENGTH}


class NewPersona(Schema):
    """A persona to be made."""

    name: Text | None = None
    description: Text | None = None
    color: Text | None = None


@router.get("/personas/me")
def active(request: KeyRequest) -> dict[str, Any]:
    """Return the active persona; the client logs out where there is none."""
    return shapes.persona(active_persona(request.user))


@router.get("/personas/all")
def every(request: KeyRequest) -> list[dict[str, Any]]:
    """Return all personas, newest first."""
    rows = newest_first(request.user).annotate(sample_count=Count("samples"))
    return [shapes.persona(row, row.sample_count) for row in rows]


@router.get("/personas/export")
def export(request: KeyRequest) -> HttpResponse:
    """Send the active persona as a file."""
    now = timezone.now()
    name = f"persona-data-{now:%Y-%m-%d}.json"
    persona = shapes.persona(active_persona(request.user))
    return json_response(
        {"exported_at": shapes.date(now), "persona": persona},
        headers={"Content-Disposition": f"attachment; filename={name}"},
    )


@router.post("/personas/create")
def create(request: KeyRequest, data: NewPersona) -> dict[str, Any]:
    """Make a persona."""
    changes = checked(Persona(), data, {"description": "", "color": DEFAULT_COLOR})
    if "name" not in changes:
        raise HttpError(HTTPStatus.BAD_REQUEST, "Persona name is required")
    persona = add_persona(user=request.user, persona=Persona(**changes))
    persona.refresh_from_db()
    return shapes.persona(persona)


@router.post("/personas/{persona_id}/activate")
def activate(request: KeyRequest, persona_id: str) -> dict[str, Any]:
    """Make a persona the active one."""
    persona = own(Persona.objects.for_user(request.user), persona_id)
    switch_to(persona=persona)
    persona.refresh_from_db()
    return shapes.persona(persona)


@router.put("/personas/{persona_id}")
def change(request: KeyRequest, persona_id: str, data: NewPersona) -> dict[str, Any]:
    """Change what is sent, and keep the rest."""
    persona = own(Persona.objects.for_user(request.user), persona_id)
    changes = checked(persona, data, {})
    for name, value in changes.items():
        setattr(persona, name, value)
    persona.save(update_fields=[*changes, "updated_at"])
    return shapes.persona(persona)


@router.delete("/personas/{persona_id}")
def delete(request: KeyRequest, persona_id: str) -> dict[str, str]:
    """Delete a persona; the newest of the rest follows an active one."""
    personas = newest_first(request.user)
    if len(personas[:2]) < 2:
        raise HttpError(HTTPStatus.BAD_REQUEST, LAST)
    persona = own(Persona.objects.for_user(request.user), persona_id)
    try:
        with transaction.atomic():
            if persona.is_active:
                switch_to(persona=personas.exclude(pk=persona.pk)[0])
            delete_persona(persona=persona)
    except (LastPersonaError, IndexError):  # another request was faster
        raise HttpError(HTTPStatus.BAD_REQUEST, LAST) from None
    return {"message": "Persona deleted"}


def newest_first(user: User) -> Any:
    """Return the personas in the order of the client's list."""
    return Persona.objects.for_user(user).order_by("-created_at", "-id")


def active_persona(user: User) -> Persona:
    """Return the active persona; make one active, or a first one, where there is none."""
    persona = Persona.objects.for_user(user).active().first()
    if persona is not None:
        return persona
    newest: Persona | None = newest_first(user).first()
    if newest is None:
        persona = add_persona(user=user, persona=Persona(name="My Twin"))
    else:
        switch_to(persona=newest)
        persona = newest
    persona.refresh_from_db()
    return persona


def checked(persona: Persona, data: NewPersona, defaults: dict[str, str]) -> dict[str, str]:
    """Return what is to be changed of `persona`: what was sent, else the defaults.

    Raises:
        HttpError: A name is blank, a text too long or a colour none.
    """
    sent = {name: value for name, value in data.dict().items() if value is not None}
    if "name" in sent:
        sent["name"] = sent["name"].strip()
        if not sent["name"]:
            raise HttpError(HTTPStatus.BAD_REQUEST, "Persona name is required")
    for name, most in LIMITS.items():
        # A longer text of an older database may stay as it is.
        if len(sent.get(name, "")) > most and sent[name] != getattr(persona, name):
            raise HttpError(HTTPStatus.BAD_REQUEST, f"The {name} has at most {most} characters")
    if not re.fullmatch("#[0-9a-fA-F]{6}", sent.get("color", DEFAULT_COLOR)):
        raise HttpError(HTTPStatus.BAD_REQUEST, "A colour is # and six hexadecimal digits")
    return defaults | sent
