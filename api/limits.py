"""How much a program may ask: requests a minute, and tokens a day.

Requests are counted in the database, as wrong passwords are, so the limits hold across processes.
No limit touches the two calls that the earlier browser client starts with: a refusal there would
log its user out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import F, Sum
from django.utils import timezone

from api.models import Usage
from chat.replies import BudgetSpentError
from users.models import Attempt
from users.rate_limits import RateLimit, client_address

if TYPE_CHECKING:
    import uuid

    from api.requests import KeyRequest

MINUTE = timedelta(minutes=1)
# A person has several keys, and an address several people.
PER_PERSON, PER_ADDRESS = 2, 4
SEARCHES, EXPORTS, IMPORTS = 120, 20, 20


@dataclass(eq=False)
class LimitError(Exception):
    """A request beyond a limit."""

    headers: dict[str, str]

    def __str__(self) -> str:
        return f"Too many requests. Try again in {self.headers['Retry-After']} seconds."


def count_chat(request: KeyRequest) -> None:
    """Count a request for a reply, by key, person and address.

    Raises:
        LimitError: There were too many within the last minute.
    """
    most = settings.API_CHATS_PER_MINUTE
    if not most:
        return
    _count(request, RateLimit("api-chat-key", most, MINUTE), str(request.auth.pk))
    _count(request, RateLimit("api-chat-person", most * PER_PERSON, MINUTE), str(request.user.pk))
    address = RateLimit("api-chat-address", most * PER_ADDRESS, MINUTE)
    _count(request, address, client_address(request))


def count_search(request: KeyRequest) -> None:
    """Count a search of a person.

    Raises:
        LimitError: There were too many within the last minute.
    """
    _count(request, RateLimit("api-search", SEARCHES, MINUTE), str(request.user.pk))


def count_export(request: KeyRequest) -> None:
    """Count an export of a person.

    Raises:
        LimitError: There were too many within the last minute.
    """
    _count(request, RateLimit("api-export", EXPORTS, MINUTE), str(request.user.pk))


def count_import(request: KeyRequest) -> None:
    """Count an import of a person.

    Raises:
        LimitError: There were too many within the last minute.
    """
    _count(request, RateLimit("api-import", IMPORTS, MINUTE), str(request.user.pk))


def _count(request: KeyRequest, limit: RateLimit, subject: str) -> None:
    """Count a request, and keep the headers that report the rest of the first limit."""
    is_within = limit.hit(subject)
    counter = Attempt.objects.filter(key=limit.key(subject)).first()
    used = counter.count if counter else 0
    ends = counter.expires_at if counter else timezone.now()
    left = max(1, math.ceil((ends - timezone.now()).total_seconds()))
    headers = {
        "x-ratelimit-limit-requests": str(limit.limit),
        "x-ratelimit-remaining-requests": str(max(0, limit.limit - used)),
        "x-ratelimit-reset-requests": f"{left}s",
    }
    if not is_within:
        raise LimitError(headers | {"Retry-After": str(left)})
    request.limit_headers = getattr(request, "limit_headers", {}) or headers


def check_budget(user_id: uuid.UUID) -> None:
    """Go on only if the person's tokens of today are not used up.

    Raises:
        BudgetSpentError: They are.
    """
    budget = settings.DAILY_TOKENS
    if budget and tokens_since(user_id, today()) >= budget:
        raise BudgetSpentError


def tokens_since(user_id: uuid.UUID, start: datetime) -> int:
    """Return the tokens that a person's replies took since `start`."""
    rows = Usage.objects.filter(user=user_id, created_at__gte=start)
    total = rows.aggregate(sum=Sum(F("prompt_tokens") + F("completion_tokens")))["sum"]
    return total or 0


def today() -> datetime:
    """Return when the day began."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def seconds_left_today() -> int:
    """Return how long the day's budget stays as it is."""
    return math.ceil((today() + timedelta(days=1) - timezone.now()).total_seconds())
