"""Errors in OpenAI's shape, for what programs do wrong and for what a model server does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from api.contracts import OPENAI, json_response
from api.keys import Refusal, RefusedKeyError
from api.limits import LimitError, seconds_left_today
from chat.failures import REMEDIES, Failure
from chat.models import Reply
from chat.replies import BudgetSpentError, Outcome

INVALID, RATE_LIMITED, SERVER = "invalid_request_error", "rate_limit_error", "server_error"
# Repeating is useless until whoever runs the site has changed something.
FINAL = {"x-should-retry": "false"}


@dataclass(eq=False)
class OpenAIError(Exception):
    """An error for a program."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """Return the error as OpenAI writes it."""
        kind = INVALID
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            kind = RATE_LIMITED
        elif self.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            kind = SERVER
        return error_body(self.message, kind, self.param, self.code)

    def response(self) -> HttpResponse:
        """Return the error as an answer."""
        return json_response(self.body, self.status, self.headers)


def error_body(
    message: str, kind: str, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return an error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


@dataclass(frozen=True)
class Meaning:
    """What a failure of a reply is for the program."""

    status: int
    code: str
    headers: Mapping[str, str] = field(default_factory=dict)


UNAVAILABLE, BAD_GATEWAY = HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY
MEANINGS = {
    Failure.UNCONFIGURED: Meaning(UNAVAILABLE, "no_model_connected", FINAL | {"Retry-After": "60"}),
    Failure.UNREACHABLE: Meaning(UNAVAILABLE, "upstream_unreachable", {"Retry-After": "5"}),
    Failure.RATE_LIMITED: Meaning(UNAVAILABLE, "upstream_overloaded", {"Retry-After": "10"}),
    Failure.REFUSED: Meaning(BAD_GATEWAY, "upstream_refused", FINAL),
    Failure.UNPAID: Meaning(BAD_GATEWAY, "upstream_unpaid", FINAL),
    Failure.NO_MODEL: Meaning(BAD_GATEWAY, "upstream_no_model", FINAL),
    Failure.UNLISTED: Meaning(UNAVAILABLE, "upstream_no_model", {"Retry-After": "30"}),
    Failure.NO_SERVICE: Meaning(BAD_GATEWAY, "upstream_no_service", FINAL),
    Failure.TOO_LONG: Meaning(HTTPStatus.BAD_REQUEST, "context_length_exceeded"),
    Failure.SILENT: Meaning(HTTPStatus.GATEWAY_TIMEOUT, "upstream_silent"),
    Failure.CUT_OFF: Meaning(BAD_GATEWAY, "upstream_cut_off"),
    Failure.EMPTY: Meaning(BAD_GATEWAY, "upstream_empty"),
    Failure.BROKEN: Meaning(BAD_GATEWAY, "upstream_error"),
    Failure.INTERNAL: Meaning(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error"),
}
# Ends that OpenAI does not report as errors.
FINISH_REASONS = {Failure.LENGTH: "length", Failure.FILTERED: "content_filter"}


def error_of(outcome: Outcome | None) -> OpenAIError | None:
    """Return what went wrong with a reply; None if it is complete, or complete for OpenAI."""
    if outcome is None:
        return OpenAIError(UNAVAILABLE, "The reply was deleted.", "upstream_interrupted")
    if outcome.failure in FINISH_REASONS or outcome.status == Reply.Status.COMPLETE:
        return None
    if outcome.failure is None:
        message = "The reply was stopped before its end."
        return OpenAIError(
            UNAVAILABLE, message, "upstream_interrupted", headers={"Retry-After": "1"}
        )
    meaning = MEANINGS[outcome.failure]
    headers = dict(meaning.headers)
    if outcome.retry_after is not None and "Retry-After" in headers:
        headers["Retry-After"] = str(outcome.retry_after)
    status, code = meaning.status, meaning.code
    text = f"{outcome.failure.label} {REMEDIES[outcome.failure]}"
    if outcome.failure == Failure.BROKEN and outcome.error.startswith(("400 ", "422 ")):
        # It is the program's own parameter that the model server does not take.
        status, code, text = HTTPStatus.BAD_REQUEST, "upstream_invalid_request", outcome.error
    return OpenAIError(status, text, code, headers=headers)


def finish_reason(outcome: Outcome | None) -> str:
    """Return why a reply ended."""
    failure = outcome.failure if outcome else None
    return FINISH_REASONS.get(failure, "stop") if failure else "stop"


def add_handlers(api: NinjaAPI) -> None:
    """Answer every error of the views in OpenAI's shape."""

    @api.exception_handler(OpenAIError)
    def declared(request: HttpRequest, error: OpenAIError) -> HttpResponse:
        return error.response()

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        problem = error.errors[0]
        # The first two places of "loc" are the body and the name of the view's argument.
        param = next((str(place) for place in problem["loc"][2:]), None)
        message = problem["msg"].removeprefix("Value error, ")
        where = ".".join(str(place) for place in problem["loc"][2:]) or "body"
        return OpenAIError(HTTPStatus.BAD_REQUEST, f"{where}: {message}", param=param).response()

    @api.exception_handler(LimitError)
    def limited(request: HttpRequest, error: LimitError) -> HttpResponse:
        status = HTTPStatus.TOO_MANY_REQUESTS
        return OpenAIError(
            status, str(error), "rate_limit_exceeded", headers=error.headers
        ).response()

    @api.exception_handler(BudgetSpentError)
    def spent(request: HttpRequest, error: BudgetSpentError) -> HttpResponse:
        message = "The tokens that this site allows a person in a day are used up."
        headers = FINAL | {"Retry-After": str(seconds_left_today())}
        return OpenAIError(
            HTTPStatus.TOO_MANY_REQUESTS, message, "daily_tokens_exceeded", headers=headers
        ).response()

    @api.exception_handler(HttpError)
    def refused(request: HttpRequest, error: HttpError) -> HttpResponse:
        return OpenAIError(error.status_code, error.message).response()

    @api.exception_handler(Http404)
    def missing(request: HttpRequest, error: Http404) -> HttpResponse:
        return OPENAI.undeclared(HTTPStatus.NOT_FOUND, {})

    @api.exception_handler(RefusedKeyError)
    def no_key(request: HttpRequest, error: RefusedKeyError) -> HttpResponse:
        if error.refusal == Refusal.CLOSED:
            return OpenAIError(
                HTTPStatus.FORBIDDEN, error.refusal, "account_not_allowed"
            ).response()
        headers = {"WWW-Authenticate": "Bearer"}
        return OpenAIError(
            HTTPStatus.UNAUTHORIZED, error.refusal, "invalid_api_key", headers=headers
        ).response()
