"""The figures of the earlier browser client."""

from __future__ import annotations

import datetime
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone
from ninja import Router

from api import figures
from api.browser_client import shapes
from api.models import Usage
from api.requests import KeyRequest
from chat.models import ChatMessage
from personas.models import Persona
from threads.models import Thread

router = Router()
DEFAULT_DAYS = 7
MOST_DAYS = 365
MOST_THREADS = 10
MOST_ACTIONS = 20
ACTIONS = {
    ChatMessage.Role.USER: "You wrote in “{}”",
    ChatMessage.Role.ASSISTANT: "The assistant answered in “{}”",
    ChatMessage.Role.TWIN: "Your twin answered in “{}”",
}


@router.get("/metrics/overview")
def overview(request: KeyRequest) -> dict[str, int]:
    """Return how much there is."""
    threads = Thread.objects.for_user(request.user)
    total = threads.aggregate(threads=Count("pk"), messages=Coalesce(Sum("message_count"), 0))
    return {
        "total_messages": total["messages"],
        "total_personas": Persona.objects.for_user(request.user).count(),
        "total_threads": total["threads"],
    }


@router.get("/metrics/messages-over-time")
def messages_over_time(request: KeyRequest) -> list[dict[str, Any]]:
    """Return how many messages were written on each day that has some, oldest first."""
    asked = request.GET.get("days", "")
    is_number = asked.isascii() and asked.isdecimal() and len(asked) < 6
    days = min(max(int(asked), 1), MOST_DAYS) if is_number else DEFAULT_DAYS
    since = timezone.now() - datetime.timedelta(days=days)
    rows = (
        ChatMessage.objects.filter(
            user=request.user, thread__deleted_at=None, created_at__gte=since
        )
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(count=Count("pk"))
        .order_by("day")
    )
    return [{"date": f"{row['day']}T00:00:00.000Z", "count": row["count"]} for row in rows]


@router.get("/metrics/persona-usage")
def persona_usage(request: KeyRequest) -> list[dict[str, Any]]:
    """Return every persona with the number of messages in its threads, most used first."""
    living = Q(threads__deleted_at=None)
    rows = Persona.objects.for_user(request.user).annotate(
        message_count=Coalesce(Sum("threads__message_count", filter=living), 0)
    )
    ordered = rows.order_by("-message_count", "created_at")
    return [dict(row) for row in ordered.values("name", "color", "message_count")]


@router.get("/metrics/thread-activity")
def thread_activity(request: KeyRequest) -> list[dict[str, Any]]:
    """Return the threads with the most messages."""
    threads = Thread.objects.for_user(request.user).order_by("-message_count", "-id")
    return [
        {
            "title": thread.title,
            "message_count": thread.message_count,
            "last_message_at": shapes.date(thread.last_message_at),
        }
        for thread in threads[:MOST_THREADS]
    ]


@router.get("/metrics")
def metrics(request: KeyRequest) -> dict[str, float]:
    """Return the numbers of the activity page; nothing here measures approval or confidence."""
    cost = figures.total(Usage.objects.filter(user=request.user))
    threads = Thread.objects.for_user(request.user)
    total = threads.aggregate(sum=Coalesce(Sum("message_count"), 0))
    return {
        "tokensUsed": cost.tokens,
        "messagesSent": total["sum"],
        "approvalRate": 0,
        "confidence": 0,
        "responseTime": round(cost.duration_ms),
    }


@router.get("/activity")
def activity(request: KeyRequest) -> list[dict[str, str]]:
    """Return what happened last, newest first."""
    rows = (
        ChatMessage.objects.for_user(request.user)
        .filter(thread__deleted_at=None)
        .values_list("role", "thread__title", "created_at")[:MOST_ACTIONS]
    )
    now = timezone.now()
    return [
        {"action": ACTIONS[ChatMessage.Role(role)].format(title), "timestamp": ago(now - at, at)}
        for role, title, at in rows
    ]


def ago(past: datetime.timedelta, at: datetime.datetime) -> str:
    """Return how long ago something was, as the client shows it."""
    minutes = int(past.total_seconds()) // 60
    if minutes < 1:
        return "Just now"
    for most, size, unit in ((60, 1, "m"), (24 * 60, 60, "h"), (7 * 24 * 60, 24 * 60, "d")):
        if minutes < most:
            return f"{minutes // size}{unit} ago"
    return f"{at:%Y-%m-%d}"
