"""Threads for the earlier browser client."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.db.models import F
from django.http.response import HttpResponseBase
from ninja import Router, Schema
from ninja.errors import HttpError

from api.browser_client import shapes
from api.fields import Text, own
from api.requests import KeyRequest
from api.streams import JSON, json_array, streamed
from chat.exports.rows import one_by_one
from chat.exports.source import Source
from personas.models import Persona
from threads import organising
from threads.forms import MAX_DESCRIPTION_LENGTH
from threads.models import Thread

router = Router()
MOST_IN_TITLE = 255
BLANK = "Thread title is required"
LAST = "You cannot delete your only thread"
BATCH = 500


class ThreadChange(Schema):
    """The title and description of a thread."""

    title: Text | None = None
    description: Text | None = None


class NewThread(ThreadChange):
    """A thread to be made."""

    persona_id: Text | None = None


@router.get("/threads")
def every(request: KeyRequest) -> HttpResponseBase:
    """Send all threads, the most recently used first."""
    rows = (
        Thread.objects.for_user(request.user)
        .current()
        .select_related("persona")
        .order_by(F("last_message_at").desc(nulls_last=True), "-updated_at", "-id")
    )

    def parts() -> Iterator[bytes]:
        return json_array(map(shapes.listed_thread, rows.iterator(chunk_size=BATCH)))

    return streamed(request, parts, {"Content-Type": JSON})


@router.post("/threads")
def create(request: KeyRequest, data: NewThread) -> dict[str, Any]:
    """Make a thread."""
    if data.title is None:
        raise HttpError(HTTPStatus.BAD_REQUEST, BLANK)
    persona = None
    if data.persona_id is not None:
        persona = own(Persona.objects.for_user(request.user), data.persona_id)
    changes = checked(Thread(), data)
    return shapes.thread(Thread.objects.create(user=request.user, persona=persona, **changes))


@router.put("/threads/{thread_id}")
def change(request: KeyRequest, thread_id: str, data: ThreadChange) -> dict[str, Any]:
    """Change what is sent, and keep the rest."""
    thread = own(Thread.objects.for_user(request.user), thread_id)
    changes = checked(thread, data)
    if "title" in changes:
        organising.rename(thread=thread, title=changes["title"])
    if "description" in changes:
        organising.describe(
            thread=thread, description=changes["description"], persona=thread.persona
        )
    thread.refresh_from_db()
    return shapes.thread(thread)


@router.delete("/threads/{thread_id}")
def delete(request: KeyRequest, thread_id: str) -> dict[str, str]:
    """Delete a thread with its messages; on the site it can be restored for 30 days."""
    threads = Thread.objects.for_user(request.user)
    if len(threads.current()[:2]) < 2:
        raise HttpError(HTTPStatus.BAD_REQUEST, LAST)
    organising.delete(thread=own(threads, thread_id))
    return {"message": "Thread deleted"}


@router.get("/threads/{thread_id}/messages")
def messages(request: KeyRequest, thread_id: str) -> HttpResponseBase:
    """Send all messages of a thread, oldest first."""
    thread = own(Thread.objects.for_user(request.user), thread_id)
    source = Source(request.user, thread)
    return streamed(request, lambda: json_array(message_rows(source)), {"Content-Type": JSON})


def message_rows(source: Source) -> Any:
    """Yield the messages of an account or a thread, oldest first, in one snapshot."""
    with source.snapshot():
        yield from map(shapes.message, one_by_one(source.messages().values_list(*shapes.MESSAGE)))


def checked(thread: Thread, data: ThreadChange) -> dict[str, str]:
    """Return what is to be changed of `thread`.

    Raises:
        HttpError: The title is blank, or a text too long.
    """
    changes: dict[str, str] = {}
    if data.title is not None:
        changes["title"] = data.title.strip()
        if not changes["title"]:
            raise HttpError(HTTPStatus.BAD_REQUEST, BLANK)
        if len(changes["title"]) > MOST_IN_TITLE:
            raise HttpError(
                HTTPStatus.BAD_REQUEST, f"A title has at most {MOST_IN_TITLE} characters"
            )
    if data.description is not None:
        changes["description"] = data.description
        is_new = data.description != thread.description
        if is_new and len(data.description) > MAX_DESCRIPTION_LENGTH:
            most = f"A description has at most {MAX_DESCRIPTION_LENGTH} characters"
            raise HttpError(HTTPStatus.BAD_REQUEST, most)
    return changes
