"""The objects that the earlier browser client reads."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from personas.models import Persona
from personas.voice import Voice
from threads.models import Thread
from users.models import User

# What a message is read with, in the order of its object.
MESSAGE = ("id", "user_id", "thread_id", "role", "content", "created_at", "updated_at")


def date(at: datetime.datetime | None) -> str | None:
    """Return a timestamp in UTC with exactly three decimals and Z."""
    if at is None:
        return None
    return f"{at.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def user(row: User) -> dict[str, Any]:
    """Return a user."""
    return {
        "id": str(row.pk),
        "email": row.email,
        "name": row.name,
        "created_at": date(row.created_at),
    }


def persona(row: Persona, sample_count: int | None = None) -> dict[str, Any]:
    """Return a persona; its samples are counted unless their number is given."""
    if sample_count is None:
        sample_count = row.samples.count()
    return {
        "id": str(row.pk),
        "user_id": str(row.user_id),
        "name": row.name,
        "description": row.description,
        "color": row.color,
        "is_active": row.is_active,
        "metadata": row.metadata if isinstance(row.metadata, dict) else {},
        "created_at": date(row.created_at),
        "updated_at": date(row.updated_at),
        "sample_count": sample_count + len(Voice.read(row.metadata).sample_texts),
    }


def thread(row: Thread) -> dict[str, Any]:
    """Return a thread."""
    return {
        "id": str(row.pk),
        "user_id": str(row.user_id),
        "persona_id": str(row.persona_id) if row.persona_id else None,
        "title": row.title,
        "description": row.description,
        "created_at": date(row.created_at),
        "updated_at": date(row.updated_at),
        "last_message_at": date(row.last_message_at),
        "message_count": row.message_count,
    }


def listed_thread(row: Thread) -> dict[str, Any]:
    """Return a thread with the name and colour of its persona."""
    return thread(row) | {
        "persona_name": row.persona.name if row.persona else None,
        "persona_color": row.persona.color if row.persona else None,
    }


def message(values: Any) -> dict[str, Any]:
    """Return a message from the values of MESSAGE."""
    row = dict(zip(MESSAGE, values, strict=True))
    for name, value in row.items():
        if isinstance(value, uuid.UUID):
            row[name] = str(value)
        elif isinstance(value, datetime.datetime):
            row[name] = date(value)
    return row
