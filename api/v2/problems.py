"""Errors as problem details (RFC 9457), the faulty fields among them."""

from __future__ import annotations

from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError

from api.contracts import RESOURCES
from api.keys import RefusedKeyError
from api.limits import LimitError
from chat.conversation import IdempotencyConflictError
from chat.replies import BudgetSpentError, InFlightError, TooManyInFlightError
from personas.switching import LastPersonaError
from threads.listing import InvalidCursorError


class FieldProblem(Schema):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(Schema):
    """An error."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


# The statuses of the answers that a view declares beside its own.
READ_ERRORS = dict.fromkeys((400, 401, 403, 404, 429), Problem)
WRITE_ERRORS = READ_ERRORS | {409: Problem, 413: Problem}
# What is refused though the request is well formed.
REFUSALS: dict[type[Exception], tuple[int, str]] = {
    InFlightError: (409, "A reply is being written in this thread."),
    IdempotencyConflictError: (409, "This Idempotency-Key was used for another text."),
    TooManyInFlightError: (429, "Too many replies are being written. Wait until one is done."),
    BudgetSpentError: (429, "The tokens that this site allows a person in a day are used up."),
    LastPersonaError: (409, "The only persona cannot be deleted."),
    InvalidCursorError: (404, "The cursor is none that a page gave."),
}


def add_handlers(api: NinjaAPI) -> None:
    """Answer every error of the views as a problem."""

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        errors = [
            {
                "field": ".".join(str(place) for place in problem["loc"][1:]),
                "message": problem["msg"].removeprefix("Value error, "),
            }
            for problem in error.errors
        ]
        return RESOURCES.problem(HTTPStatus.BAD_REQUEST, "The request is not valid.", errors)

    @api.exception_handler(HttpError)
    def refused(request: HttpRequest, error: HttpError) -> HttpResponse:
        return RESOURCES.error(error.status_code, error.message)

    @api.exception_handler(Http404)
    def missing(request: HttpRequest, error: Http404) -> HttpResponse:
        return RESOURCES.error(HTTPStatus.NOT_FOUND, str(error) or "Not found.")

    @api.exception_handler(LimitError)
    def limited(request: HttpRequest, error: LimitError) -> HttpResponse:
        return RESOURCES.error(HTTPStatus.TOO_MANY_REQUESTS, str(error), error.headers)

    @api.exception_handler(RefusedKeyError)
    def no_key(request: HttpRequest, error: RefusedKeyError) -> HttpResponse:
        return RESOURCES.error(
            HTTPStatus.UNAUTHORIZED, error.refusal, {"WWW-Authenticate": "Bearer"}
        )

    def declared(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
        status, detail = next(REFUSALS[kind] for kind in REFUSALS if isinstance(error, kind))
        headers = {"Retry-After": "1"} if status == HTTPStatus.TOO_MANY_REQUESTS else {}
        return RESOURCES.error(status, detail, headers)

    for kind in REFUSALS:
        api.add_exception_handler(kind, declared)
