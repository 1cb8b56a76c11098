"""The resources: threads, messages, replies, personas, search, usage."""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from django.db import IntegrityError
from django.http import Http404, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router, Status
from ninja.errors import HttpError
from ninja.params import functions
from pydantic import Field

from api import figures, limits
from api.fields import Text
from api.models import Exchange, Usage
from api.requests import KeyRequest
from api.streams import ended, with_pings, words_of
from api.v2 import schemas
from api.v2.problems import READ_ERRORS, WRITE_ERRORS
from chat.conversation import send_message, stop
from chat.generation.stream import event
from chat.models import ChatMessage, Reply
from chat.search.results import search_messages
from personas.models import Persona
from personas.switching import add_persona, delete_persona, switch_to
from threads import listing, organising
from threads.listing import InvalidCursorError, ThreadState
from threads.models import Thread

router = Router()
PAGE = 50
# Keys of programs become keys of messages: the same for the same person and text of the key.
KEYS = uuid.UUID("6f2c1b34-5d8e-4c0a-9c55-0d1f6f3a7b21")
IDEMPOTENCY_KEY: Any = functions.Header("", alias="Idempotency-Key", max_length=200)
Cursor = Annotated[Text, Field(max_length=200)]


@router.get("/threads", response={200: schemas.ThreadPage, **READ_ERRORS})
def threads(
    request: KeyRequest,
    state: Literal["current", "archived"] = "current",
    cursor: Cursor = "",
) -> Any:
    """List threads, the most recently used first."""
    after = from_url(cursor)
    page = listing.page(request.user, state=ThreadState(state), after=after)
    return {"items": page.threads, "next_cursor": for_url(page.next_cursor) or None}


@router.post("/threads", response={201: schemas.Thread, **WRITE_ERRORS})
def create_thread(request: KeyRequest, data: schemas.ThreadBody) -> Any:
    """Make a thread."""
    persona = None
    if data.persona_id is not None:
        persona = found(Persona.objects.for_user(request.user), data.persona_id)
    fields = {"title": data.title, "description": data.description}
    return Status(201, Thread.objects.create(user=request.user, persona=persona, **fields))


@router.get("/threads/{uuid:thread_id}", response={200: schemas.Thread, **READ_ERRORS})
def thread(request: KeyRequest, thread_id: uuid.UUID) -> Any:
    """Return a thread."""
    return own_thread(request, thread_id)


@router.patch("/threads/{uuid:thread_id}", response={200: schemas.Thread, **WRITE_ERRORS})
def change_thread(request: KeyRequest, thread_id: uuid.UUID, data: schemas.ThreadChange) -> Any:
    """Change what is sent, and keep the rest."""
    row = own_thread(request, thread_id)
    if data.title is not None:
        organising.rename(thread=row, title=data.title)
    if data.description is not None:
        organising.describe(thread=row, description=data.description, persona=row.persona)
    if data.is_archived is not None:
        organising.archive(thread=row, archived=data.is_archived)
    if data.is_pinned is not None:
        organising.pin(thread=row, pinned=data.is_pinned)
    row.refresh_from_db()
    return row


@router.delete("/threads/{uuid:thread_id}", response={204: None, **WRITE_ERRORS})
def delete_thread(request: KeyRequest, thread_id: uuid.UUID) -> Any:
    """Delete a thread; on the site it can be restored for 30 days."""
    organising.delete(thread=own_thread(request, thread_id))
    return Status(204, None)


@router.get(
    "/threads/{uuid:thread_id}/messages", response={200: schemas.MessagePage, **READ_ERRORS}
)
def messages(request: KeyRequest, thread_id: uuid.UUID, cursor: Cursor = "") -> Any:
    """List the messages of a thread, newest first."""
    rows = ChatMessage.objects.in_thread(own_thread(request, thread_id))
    if cursor:
        try:
            last = rows.filter(pk=uuid.UUID(cursor)).first()
        except ValueError:
            last = None
        if last is None:
            raise InvalidCursorError(cursor)
        rows = rows.before(last)
    items = list(rows[: PAGE + 1])
    more = str(items[PAGE - 1].pk) if len(items) > PAGE else None
    return {"items": items[:PAGE], "next_cursor": more}


@router.post("/threads/{uuid:thread_id}/messages", response={201: schemas.Sent, **WRITE_ERRORS})
def send(
    request: KeyRequest,
    thread_id: uuid.UUID,
    data: schemas.MessageBody,
    idempotency_key: Text = IDEMPOTENCY_KEY,
) -> Any:
    """Send a message and start a reply; the same Idempotency-Key sends it once."""
    limits.count_chat(request)
    row = own_thread(request, thread_id)
    name = f"{request.user.pk}:{row.pk}:{idempotency_key}"
    key = uuid.uuid5(KEYS, name) if idempotency_key else None
    try:
        turn = send_message(thread=row, text=data.text, voice=data.voice, key=key)
    except IntegrityError:  # the key's message is no longer in the thread
        raise HttpError(409, "This Idempotency-Key was used before.") from None
    if turn.is_new:
        Exchange.objects.create(key=request.auth, thread=row, question=turn.message, history="")
    return Status(201, {"message": turn.message, "reply": turn.reply})


@router.get("/replies/{uuid:reply_id}", response={200: schemas.Reply, **READ_ERRORS})
def reply(request: KeyRequest, reply_id: uuid.UUID) -> Any:
    """Return how a reply goes or went."""
    return found(Reply.objects.for_user(request.user), reply_id)


@router.post("/replies/{uuid:reply_id}/stop", response={202: schemas.Reply, **WRITE_ERRORS})
def stop_reply(request: KeyRequest, reply_id: uuid.UUID) -> Any:
    """Stop a reply; what has arrived is kept."""
    row = found(Reply.objects.for_user(request.user), reply_id)
    stop(reply=row)
    return Status(202, row)


@router.get("/replies/{uuid:reply_id}/events", response={200: str, **READ_ERRORS})
def events(request: KeyRequest, reply_id: uuid.UUID) -> HttpResponseBase:
    """Send a reply as server-sent events: `text` as it comes, and `end` with its status."""
    row = found(Reply.objects.for_user(request.user), reply_id)
    parts = with_pings(reply_events(row.pk), ": keep-alive\n\n")
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(
        parts, content_type="text/event-stream; charset=utf-8", headers=headers
    )


async def reply_events(reply_id: uuid.UUID) -> AsyncIterator[str]:
    """Yield the events of a reply."""
    sent = ""
    async for words in words_of(reply_id):
        sent += words
        yield event(words, name="text")
    row = await ended(reply_id)
    whole = row.answer.content if row and row.answer else ""
    if len(whole) > len(sent):
        yield event(whole[len(sent) :], name="text")
    yield event({"status": row.status if row else "deleted"}, name="end")


@router.get("/personas", response={200: list[schemas.Persona], **READ_ERRORS})
def personas(request: KeyRequest) -> Any:
    """List the personas, oldest first."""
    return Persona.objects.for_user(request.user)


@router.post("/personas", response={201: schemas.Persona, **WRITE_ERRORS})
def create_persona(request: KeyRequest, data: schemas.PersonaBody) -> Any:
    """Make a persona."""
    row = add_persona(user=request.user, persona=Persona(**data.dict()))
    row.refresh_from_db()
    return Status(201, row)


@router.get("/personas/{uuid:persona_id}", response={200: schemas.Persona, **READ_ERRORS})
def persona(request: KeyRequest, persona_id: uuid.UUID) -> Any:
    """Return a persona."""
    return found(Persona.objects.for_user(request.user), persona_id)


@router.patch("/personas/{uuid:persona_id}", response={200: schemas.Persona, **WRITE_ERRORS})
def change_persona(request: KeyRequest, persona_id: uuid.UUID, data: schemas.PersonaChange) -> Any:
    """Change what is sent, and keep the rest; `is_active` makes it the one that speaks."""
    row = found(Persona.objects.for_user(request.user), persona_id)
    changes = data.dict(exclude_none=True)
    if changes.pop("is_active", False):
        switch_to(persona=row)
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=[*changes, "updated_at"])
    return row


@router.delete("/personas/{uuid:persona_id}", response={204: None, **WRITE_ERRORS})
def remove_persona(request: KeyRequest, persona_id: uuid.UUID) -> Any:
    """Delete a persona; its threads stay."""
    delete_persona(persona=found(Persona.objects.for_user(request.user), persona_id))
    return Status(204, None)


@router.get("/search", response={200: schemas.HitPage, **READ_ERRORS})
def search(
    request: KeyRequest,
    q: Annotated[Text, Query(max_length=1000)],
    cursor: Cursor = "",
) -> Any:
    """Find messages, newest first; the filters of the search page work in `q` too."""
    limits.count_search(request)
    results = search_messages(request.user, q, after=cursor, size=PAGE)
    return {"items": results.hits, "next_cursor": results.next or None}


@router.get("/usage", response={200: schemas.Usage, **READ_ERRORS})
def usage(request: KeyRequest) -> Any:
    """Return what the replies of the last 30 days cost."""
    rows = figures.recent(Usage.objects.filter(user=request.user))
    return {
        "days": figures.by_day(rows),
        "personas": figures.by_field(rows, "persona__name", "Assistant"),
        "models": figures.by_field(rows, "model", "unknown"),
        "keys": figures.by_field(rows, "key__name", ""),
    }


def for_url(cursor: str) -> str:
    """Return a cursor that needs no escaping in an address."""
    return base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")


def from_url(cursor: str) -> str:
    """Return the cursor that `for_url` was given.

    Raises:
        InvalidCursorError: It was given none.
    """
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        raise InvalidCursorError(cursor) from None


def own_thread(request: KeyRequest, thread_id: uuid.UUID) -> Thread:
    """Return the person's own thread."""
    rows = Thread.objects.for_user(request.user).select_related("persona", "user")
    row: Thread = found(rows, thread_id)
    return row


def found(rows: Any, key: uuid.UUID) -> Any:
    """Return the row with this key.

    Raises:
        Http404: There is none among `rows`.
    """
    row = rows.filter(pk=key).first()
    if row is None:
        raise Http404(f"{str(rows.model._meta.verbose_name).capitalize()} not found.")
    return row
