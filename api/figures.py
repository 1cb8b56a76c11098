"""What replies cost, by day, persona, model and key."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from api.models import Usage

DAYS = 30
MAX_ROWS = 50
# The chart, in its own units.
WIDTH, HEIGHT, GAP = 600, 120, 4


@dataclass(frozen=True)
class Figures:
    """What some replies cost together."""

    name: str
    replies: int
    prompt_tokens: int
    completion_tokens: int
    duration_ms: float
    first_text_ms: float | None
    estimated: int

    @property
    def tokens(self) -> int:
        """Return all tokens."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def seconds(self) -> str:
        """Return how long a reply took on average."""
        return f"{self.duration_ms / 1000:.1f} s"

    @property
    def first_text_seconds(self) -> str:
        """Return how long the first words took on average."""
        return "" if self.first_text_ms is None else f"{self.first_text_ms / 1000:.1f} s"


@dataclass(frozen=True)
class Bar:
    """A day in the chart."""

    day: datetime.date
    tokens: int
    x: int
    y: int
    width: int
    height: int


def recent(rows: QuerySet[Usage], days: int = DAYS) -> QuerySet[Usage]:
    """Keep the replies of the last days, today included."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return rows.filter(created_at__gte=today - datetime.timedelta(days=days - 1))


def by_day(rows: QuerySet[Usage]) -> list[Figures]:
    """Return the figures of each day that has some, latest first."""
    return _grouped(rows.annotate(group=TruncDate("created_at")), "-group")


def by_field(rows: QuerySet[Usage], field: str, unnamed: str) -> list[Figures]:
    """Return the figures by the values of a field, the most tokens first."""
    return _grouped(rows.annotate(group=F(field)), "-tokens", unnamed)


def total(rows: QuerySet[Usage]) -> Figures:
    """Return the figures of all rows together."""
    found = rows.aggregate(**_sums())
    return _figures("", {name: value or 0 for name, value in found.items()})


def chart(days: list[Figures], count: int = DAYS) -> list[Bar]:
    """Return a bar for each of the last `count` days, oldest first, the highest HEIGHT high."""
    tokens = {figures.name: figures.tokens for figures in days}
    most = max(tokens.values(), default=0) or 1
    first = timezone.localdate() - datetime.timedelta(days=count - 1)
    width = WIDTH // count
    bars = []
    for place in range(count):
        day = first + datetime.timedelta(days=place)
        value = tokens.get(day.isoformat(), 0)
        height = math.ceil(HEIGHT * value / most)
        bars.append(Bar(day, value, place * width, HEIGHT - height, width - GAP, height))
    return bars


def _sums() -> dict[str, Any]:
    return {
        "replies": Count("pk"),
        "sent": Sum("prompt_tokens"),
        "received": Sum("completion_tokens"),
        "duration": Avg("duration_ms"),
        "first": Avg("first_text_ms"),
        "estimated": Count("pk", filter=Q(is_estimated=True)),
    }


def _grouped(rows: QuerySet[Any], order: str, unnamed: str = "") -> list[Figures]:
    tokens = Sum(F("prompt_tokens") + F("completion_tokens"))
    found = rows.values("group").annotate(**_sums(), tokens=tokens).order_by(order)
    return [_figures(str(row["group"] or unnamed), row) for row in found[:MAX_ROWS]]


def _figures(name: str, row: dict[str, Any]) -> Figures:
    return Figures(
        name,
        row["replies"],
        row["sent"],
        row["received"],
        row["duration"],
        row["first"],
        row["estimated"],
    )
