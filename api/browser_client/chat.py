"""Conversation, search and export for the earlier browser client."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from ninja import Router, Schema
from pydantic import AfterValidator

from api import limits
from api.browser_client import shapes
from api.browser_client.personas import active_persona
from api.browser_client.threads import message_rows
from api.contracts import json_response
from api.fields import Text
from api.requests import KeyRequest
from api.streams import JSON, ended, json_array, streamed, with_pings, words_of
from chat.conversation import send_message
from chat.exports.source import Source
from chat.failures import Failure
from chat.generation import provider
from chat.models import Reply
from chat.replies import BudgetSpentError, InFlightError, TooManyInFlightError
from chat.search.results import search_messages
from threads import organising
from threads.models import Thread
from users.models import User

router = Router()
MOST_UNITS = 5000
BUSY = "Another reply is being written. Try again shortly."
SPENT = "You have used up the tokens that this site allows a person in a day."
NOT_SAVED = "Nothing was saved. Try again shortly."
MOST_RESULTS = 50
# Longer input is no search that anybody types.
MOST_TYPED = 1_000
# The client asks for the same search again and again while its field holds a text.
SEARCH_FRESH_SECONDS = 2
SEARCH_HEADERS = {"Cache-Control": "private, max-age=30"}
CSV_COLUMNS = ("role", "content", "created_at")


def short_enough(text: str) -> str:
    """Return a message of 1 to MOST_UNITS code units of UTF-16, as the client counts them."""
    if not 1 <= len(text.encode("utf-16-le")) // 2 <= MOST_UNITS:
        raise ValueError(f"must have 1 to {MOST_UNITS} characters")
    return text


class MessageBody(Schema):
    """A message to the twin or the assistant."""

    message: Annotated[Text, AfterValidator(short_enough)]


@router.post("/chat/message")
def ask_twin(request: KeyRequest, data: MessageBody) -> HttpResponseBase:
    """Have the active persona answer."""
    limits.count_chat(request)
    return answer(request.user, data.message, Reply.Voice.TWIN)


@router.post("/chat/assistant")
def ask_assistant(request: KeyRequest, data: MessageBody) -> HttpResponseBase:
    """Have the assistant answer."""
    limits.count_chat(request)
    return answer(request.user, data.message, Reply.Voice.ASSISTANT)


def answer(user: User, text: str, voice: Reply.Voice) -> HttpResponseBase:
    """Send a message in the General thread; the answer waits for the reply.

    The status is 200 whatever happens, so it is sent at once, and blanks, which JSON ignores,
    keep the line open until the reply has ended.
    """
    if not provider.is_configured():
        failure = Failure.UNCONFIGURED
        reason = str(failure.label)
        return json_response({"error": reason, "message": f"{reason} {NOT_SAVED}"})
    thread = general_thread(user)
    if voice == Reply.Voice.TWIN:
        persona = active_persona(user)
        if thread.persona_id != persona.pk:
            organising.describe(thread=thread, description=thread.description, persona=persona)
    try:
        turn = send_message(thread=thread, text=text, voice=voice)
    except (InFlightError, TooManyInFlightError):
        return json_response({"error": BUSY, "message": BUSY})
    except BudgetSpentError:
        return json_response({"error": SPENT, "message": SPENT})
    if turn.reply is None:
        return json_response({"error": NOT_SAVED, "message": NOT_SAVED})
    response = StreamingHttpResponse(with_pings(outcome(turn.reply.pk), b" "), content_type=JSON)
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def outcome(reply_id: uuid.UUID) -> AsyncIterator[bytes]:
    """Yield one JSON object once the reply has ended."""
    async for _ in words_of(reply_id):
        pass
    yield json.dumps(summary(await ended(reply_id))).encode()


def summary(reply: Reply | None) -> dict[str, Any]:
    """Return what the client shows of a reply; it shows `message` whatever went wrong."""
    text = reply.answer.content if reply and reply.answer else ""
    if reply and reply.status == Reply.Status.COMPLETE:
        rationale = f"Answered by {reply.model}." if reply.model else ""
        return {"message": text, "confidence": None, "rationale": rationale}
    reason = "The reply was interrupted."
    if reply and reply.failure:
        reason = f"{reply.reason} {reply.remedy}"
    return {"error": reason, "message": f"{text}\n\n{reason}".strip()}


def general_thread(user: User) -> Thread:
    """Return the thread for messages that name none; the client never names one."""
    threads = Thread.objects.for_user(user).filter(is_general=True)
    found = threads.first()
    if found is None:
        try:
            with transaction.atomic():
                found = Thread.objects.create(user=user, title="General", is_general=True)
        except IntegrityError:  # another request was faster
            found = threads.get()
    return found


@router.get("/chat/history")
def history(request: KeyRequest) -> HttpResponseBase:
    """Send all messages of all threads, oldest first."""
    source = Source(request.user)
    return streamed(request, lambda: json_array(message_rows(source)), {"Content-Type": JSON})


@router.get("/chat/search")
def search(request: KeyRequest) -> HttpResponse:
    """Return the best matches; of a search that is repeated at once, those found before."""
    typed = request.GET.get("q", "").replace("\0", " ")[:MOST_TYPED]
    digest = hashlib.sha256(typed.encode(errors="replace")).hexdigest()
    name = f"browser_client.search:{request.user.pk}:{digest}"
    found = cache.get(name)
    if found is None:
        limits.count_search(request)
        found = results(request.user, typed) if typed.strip() and is_pattern(typed) else []
        cache.set(name, found, SEARCH_FRESH_SECONDS)
    return json_response({"results": found, "count": len(found)}, headers=SEARCH_HEADERS)


def results(user: User, typed: str) -> list[dict[str, Any]]:
    """Return the best matches as the client reads them."""
    hits = search_messages(user, typed, best=True, size=MOST_RESULTS).hits
    return [
        {
            "id": str(hit.id),
            "role": hit.role,
            "content": hit.content,
            "created_at": shapes.date(hit.created_at),
            "rank": round(1 / place, 4),
        }
        for place, hit in enumerate(hits, 1)
    ]


def is_pattern(text: str) -> bool:
    """Return whether JavaScript takes `text` for a regular expression.

    The client makes one of it to mark what was found, and shows an error page where it cannot.
    Python differs in possessive quantifiers and in its own groups.
    """
    if re.search(r"(?<!\\)[*+?}]\+|\(\?(?![:=!]|<[=!])", text):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError):
            return False
    return True


@router.get("/chat/export/json")
def export_json(request: KeyRequest) -> HttpResponseBase:
    """Send all messages as a file."""
    limits.count_export(request)
    now = timezone.now()
    source = Source(request.user)
    count = sum(source.threads().values_list("message_count", flat=True))
    head = {"exported_at": shapes.date(now), "message_count": count}

    def parts() -> Iterator[bytes]:
        yield f'{json.dumps(head)[:-1]}, "messages": '.encode()
        yield from json_array(message_rows(source))
        yield b"}"

    return streamed(request, parts, {"Content-Type": JSON} | attachment("json"))


@router.get("/chat/export/csv")
def export_csv(request: KeyRequest) -> HttpResponseBase:
    """Send all messages as a table: a head without quotes, values with them, no last line end."""
    limits.count_export(request)
    source = Source(request.user)

    def parts() -> Iterator[bytes]:
        yield ",".join(CSV_COLUMNS).encode()
        for row in message_rows(source):
            line = io.StringIO(newline="")
            writer = csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="")
            writer.writerow([row[name] for name in CSV_COLUMNS])
            yield f"\n{line.getvalue()}".encode()

    headers = {"Content-Type": "text/csv; charset=utf-8"} | attachment("csv")
    return streamed(request, parts, headers)


def attachment(suffix: str) -> dict[str, str]:
    """Return the headers of a file."""
    name = f"chat-history-{timezone.now():%Y-%m-%d}.{suffix}"
    return {"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"}
