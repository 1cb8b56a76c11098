"""Schemas of the resources."""

from __future__ import annotations

import datetime
import uuid
from typing import Annotated, Literal

from ninja import Schema
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.fields import Text
from chat.forms import MAX_CHARACTERS
from personas.forms import MAX_DESCRIPTION_LENGTH as MAX_PERSONA_DESCRIPTION
from threads.forms import MAX_DESCRIPTION_LENGTH
from users.forms import MAX_NAME_LENGTH

Role = Literal["user", "assistant", "twin"]
Status = Literal["streaming", "complete", "stopped", "failed", "interrupted"]


def not_blank(text: str) -> str:
    """Return `text` without blanks around it."""
    if not text.strip():
        raise ValueError("must not be blank")
    return text.strip()


Name = Annotated[
    Text,
    AfterValidator(not_blank),
    Field(json_schema_extra={"pattern": r"^[^\x00]*[^\x00\s][^\x00]*$"}),
]
Color = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]


class Body(Schema):
    """What a request sends; an unknown field is an error, so that a typing mistake is noticed."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """What an answer holds, read from the attributes of rows.

    Ninja's Schema reads each attribute through a template variable, which takes three times as
    long.
    """

    model_config = ConfigDict(from_attributes=True)


class Persona(Shown):
    """A twin."""

    id: uuid.UUID
    name: str
    description: str
    color: str
    is_active: bool
    created_at: datetime.datetime
    updated_at: datetime.datetime


class PersonaBody(Body):
    """A new persona."""

    name: Name = Field(min_length=1, max_length=MAX_NAME_LENGTH)
    description: Text = Field("", max_length=MAX_PERSONA_DESCRIPTION)
    color: Color = "#4f46e5"


class PersonaChange(Body):
    """What is to be changed of a persona; what is absent stays."""

    name: Name | None = Field(None, min_length=1, max_length=MAX_NAME_LENGTH)
    description: Text | None = Field(None, max_length=MAX_PERSONA_DESCRIPTION)
    color: Color | None = None
    is_active: Literal[True] | None = None


class Thread(Shown):
    """A conversation."""

    id: uuid.UUID
    title: str
    description: str
    persona_id: uuid.UUID | None
    model: str
    message_count: int
    last_message_at: datetime.datetime | None
    pinned_at: datetime.datetime | None
    archived_at: datetime.datetime | None
    created_at: datetime.datetime
    updated_at: datetime.datetime


class ThreadBody(Body):
    """A new thread."""

    title: Name = Field(min_length=1, max_length=255)
    description: Text = Field("", max_length=MAX_DESCRIPTION_LENGTH)
    persona_id: uuid.UUID | None = None


class ThreadChange(Body):
    """What is to be changed of a thread; what is absent stays."""

    title: Name | None = Field(None, min_length=1, max_length=255)
    description: Text | None = Field(None, max_length=MAX_DESCRIPTION_LENGTH)
    is_pinned: bool | None = None
    is_archived: bool | None = None


class Message(Shown):
    """What was written."""

    id: uuid.UUID
    thread_id: uuid.UUID
    role: Role
    content: str
    created_at: datetime.datetime
    updated_at: datetime.datetime


class MessageBody(Body):
    """A message to be sent."""

    text: Text = Field(min_length=1, max_length=MAX_CHARACTERS)
    voice: Literal["assistant", "twin"] = "assistant"


class Reply(Shown):
    """An attempt to answer. Its events are at /replies/{id}/events."""

    id: uuid.UUID
    thread_id: uuid.UUID
    question_id: uuid.UUID | None
    answer_id: uuid.UUID | None
    voice: Literal["assistant", "twin"]
    model: str
    status: Status
    failure: str
    prompt_tokens: int | None
    completion_tokens: int | None
    created_at: datetime.datetime
    updated_at: datetime.datetime


class Sent(Shown):
    """A message and the reply that was started, if a model is connected."""

    message: Message
    reply: Reply | None


class Hit(Shown):
    """A message that was found."""

    id: uuid.UUID
    thread_id: uuid.UUID
    thread_title: str
    role: Role
    content: str
    created_at: datetime.datetime


class Figures(Shown):
    """What some replies cost together."""

    name: str
    replies: int
    prompt_tokens: int
    completion_tokens: int
    duration_ms: float
    first_text_ms: float | None


class Usage(Shown):
    """What the replies of the last 30 days cost."""

    days: list[Figures]
    personas: list[Figures]
    models: list[Figures]
    keys: list[Figures]


class ThreadPage(Shown):
    """Some threads; `next_cursor` asks for more, null on the last page."""

    items: list[Thread]
    next_cursor: str | None


class MessagePage(Shown):
    """Some messages, newest first."""

    items: list[Message]
    next_cursor: str | None


class HitPage(Shown):
    """Some hits, newest first."""

    items: list[Hit]
    next_cursor: str | None


class ImportReport(Shown):
    """What an import added, or would add."""

    added: dict[str, int]
    known: dict[str, int]
    restored: int
    skipped: dict[str, int]
    problems: list[str]
    problem_count: int
