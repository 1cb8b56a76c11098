"""The errors of the earlier browser client: `{"error": text}`."""

from __future__ import annotations

from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from api.contracts import BROWSER, json_response
from api.keys import RefusedKeyError
from api.limits import LimitError
from chat.exports.relay import TooManyExportsError
from chat.exports.views import BUSY


def add_handlers(api: NinjaAPI) -> None:
    """Answer every error of the views in the client's shape."""

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        details = [
            {"field": str(problem["loc"][-1]), "message": sentence(problem["msg"])}
            for problem in error.errors
        ]
        data = {"error": "Validation failed", "details": details}
        return json_response(data, HTTPStatus.BAD_REQUEST)

    @api.exception_handler(HttpError)
    def refused(request: HttpRequest, error: HttpError) -> HttpResponse:
        return BROWSER.error(error.status_code, error.message)

    @api.exception_handler(Http404)
    def missing(request: HttpRequest, error: Http404) -> HttpResponse:
        return BROWSER.error(HTTPStatus.NOT_FOUND, str(error) or "Not found")

    # Any 401 makes the client delete its token, so it is kept for tokens alone.
    @api.exception_handler(RefusedKeyError)
    def no_key(request: HttpRequest, error: RefusedKeyError) -> HttpResponse:
        return BROWSER.error(HTTPStatus.UNAUTHORIZED, error.refusal)

    @api.exception_handler(LimitError)
    def limited(request: HttpRequest, error: LimitError) -> HttpResponse:
        return BROWSER.error(HTTPStatus.TOO_MANY_REQUESTS, str(error), error.headers)

    @api.exception_handler(TooManyExportsError)
    def busy(request: HttpRequest, error: TooManyExportsError) -> HttpResponse:
        return BROWSER.error(HTTPStatus.TOO_MANY_REQUESTS, str(BUSY))


def sentence(message: str) -> str:
    """Return pydantic's message without its prefix."""
    return message.removeprefix("Value error, ")
