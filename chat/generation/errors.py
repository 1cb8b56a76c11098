"""Classify the errors of model servers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings

from chat.failures import Failure
from chat.unicode import storable

if TYPE_CHECKING:
    import openai

MAX_DETAIL = 1000
MAX_RETRY_AFTER = 86_400
TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|maximum context|too many tokens|prompt is too long"
    r"|exceeds? the (available )?context|input is too long",
    re.IGNORECASE,
)
FILTERED = re.compile(r"content.{0,12}(filter|policy|polic)|flagged by|moderation", re.IGNORECASE)
# Distinguishes an unknown model from a wrong address in a 404.
NO_MODEL = re.compile(r"model", re.IGNORECASE)
# What servers write into `code` or `type`, in lower case.
CODES = {
    "content_filter": Failure.FILTERED,
    "content_policy_violation": Failure.FILTERED,
    "responsibleaipolicyviolation": Failure.FILTERED,
    "insufficient_quota": Failure.UNPAID,
    "insufficient_balance": Failure.UNPAID,
    "billing_error": Failure.UNPAID,
    "context_length_exceeded": Failure.TOO_LONG,
    "exceed_context_size_error": Failure.TOO_LONG,
    "model_not_found": Failure.NO_MODEL,
    "invalid_api_key": Failure.REFUSED,
    "authentication_error": Failure.REFUSED,
    "permission_error": Failure.REFUSED,
    "unauthenticated": Failure.REFUSED,
    "rate_limit_error": Failure.RATE_LIMITED,
    "rate_limit_exceeded": Failure.RATE_LIMITED,
    "too_many_requests": Failure.RATE_LIMITED,
    "resource_exhausted": Failure.RATE_LIMITED,
    "overloaded_error": Failure.RATE_LIMITED,
}
STATUSES: dict[int, Failure] = {
    int(HTTPStatus.UNAUTHORIZED): Failure.REFUSED,
    int(HTTPStatus.PAYMENT_REQUIRED): Failure.UNPAID,
    int(HTTPStatus.FORBIDDEN): Failure.REFUSED,
    int(HTTPStatus.TOO_MANY_REQUESTS): Failure.RATE_LIMITED,
}


class ProviderError(Exception):
    """The model server gave no reply, or only a part of one."""

    def __init__(self, failure: Failure, detail: str = "", retry_after: int | None = None) -> None:
        super().__init__(failure.label)
        self.failure = failure
        self.detail = storable(_without_key(detail))[:MAX_DETAIL]
        self.retry_after = retry_after


def from_status(error: openai.OpenAIError) -> ProviderError:
    """Return the failure that an exception of the openai package stands for."""
    import openai

    if not isinstance(error, openai.APIStatusError):  # no answer at all, or a timeout
        return ProviderError(Failure.UNREACHABLE, str(error.__cause__ or "") or str(error))
    message = _message(error.body)
    detail = f"{error.status_code} {message}".strip()
    failure = classify(error.body, error.status_code, message)
    return ProviderError(failure, detail, _retry_after(error.response.headers))


def from_event(error: object) -> ProviderError:
    """Return the failure that an error object inside a stream stands for."""
    message = _message(error)
    return ProviderError(classify(error, None, message), message)


def classify(body: object, status: int | None, message: str) -> Failure:
    """Return the kind of failure.

    Args:
        body: The error object. Its `code` and `type` are known words, or HTTP statuses.
        status: The HTTP status of the answer, None inside a stream.
        message: What the server wrote about it.
    """
    fields = body if isinstance(body, dict) else {}
    codes = [str(fields.get(name) or "").lower() for name in ("code", "type", "status")]
    if known := next((CODES[code] for code in codes if code in CODES), None):
        return known
    if TOO_LONG.search(message):
        return Failure.TOO_LONG
    if FILTERED.search(message):
        return Failure.FILTERED
    status = status or next((int(code) for code in codes if re.fullmatch("[45][0-9]{2}", code)), 0)
    if status == HTTPStatus.NOT_FOUND:
        return Failure.NO_MODEL if NO_MODEL.search(message) else Failure.NO_SERVICE
    return STATUSES.get(status, Failure.BROKEN)


def _message(body: object) -> str:
    """Return the server's message; a web page has none."""
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or body.get("error") or body
        if isinstance(body, dict) and "message" in body:
            body = body["message"]
    text = str(body or "").strip()
    return "" if text.startswith("<") else text


def _retry_after(headers: Mapping[str, Any]) -> int | None:
    """Return the seconds in Retry-After. Its other form, a date, is rare and ignored."""
    value = str(headers.get("retry-after", ""))
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", value):
        return None
    return min(math.ceil(float(value)), MAX_RETRY_AFTER)


def _without_key(text: str) -> str:
    """Return `text` without the API key, which some servers quote."""
    key = settings.OPENAI_API_KEY
    return text.replace(key, "…") if key else text
