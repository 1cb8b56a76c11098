"""What every answer of the API has in common, whoever made it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import quote_etag

from api.contracts import RESOURCES, Contract, contract_of
from config.requests import request_id

ANY = "*"
METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"
EXPOSED = "x-request-id,retry-after,x-ratelimit-remaining-requests,etag,location,link"
PREFLIGHT_SECONDS = 7200  # the longest that Chrome remembers
UPLOADS = ("multipart/form-data",)
LARGEST_UPLOAD = 10_000_000


class ApiMiddleware:
    """Adds CORS headers to every answer, and turns what is no JSON into the contract's errors.

    It stands before everything that could answer in its own way: redirects to HTTPS, a host
    that is not allowed, a body that is too large, an exception that nobody caught.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request to the API; pass on every other."""
        contract = contract_of(request.path_info)
        if contract is None:
            return self.get_response(request)
        response: HttpResponseBase
        if request.method == "OPTIONS":
            response = preflight(request)
        elif is_too_large(request, contract):
            response = contract.undeclared(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {})
        else:
            response = self.answer(request, contract)
        if contract is RESOURCES and request.method == "GET":
            response = conditional(request, response)
        allow_origin(request.headers.get("Origin", ""), response)
        for name, value in getattr(request, "limit_headers", {}).items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-Id"] = request_id()
        return response

    def answer(self, request: HttpRequest, contract: Contract) -> HttpResponseBase:
        """Return what the site answers, errors in the shape of the contract."""
        # Clients differ in whether they end a path with a slash; none follows a redirect.
        request.path_info = request.path_info.rstrip("/") or "/"
        request.path = request.path.rstrip("/") or "/"
        if request.method == "HEAD":
            request.method = "GET"
        response = self.get_response(request)
        status = response.status_code
        if (
            HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
            and "Location" in response
        ):
            return contract.error(
                HTTPStatus.FORBIDDEN, "This site is reached over HTTPS only: use https://."
            )
        is_json = "json" in response.headers.get("Content-Type", "")
        if status >= HTTPStatus.BAD_REQUEST and not is_json:
            return contract.undeclared(status, dict(response.items()))
        return response


def conditional(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Add the hash of an answer; return 304 if the program has that answer already."""
    if response.status_code != HTTPStatus.OK or not isinstance(response, HttpResponse):
        return response
    etag = quote_etag(hashlib.sha256(response.content).hexdigest()[:32])
    response.headers["ETag"] = etag
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return get_conditional_response(request, etag, response=response) or response


def is_too_large(request: HttpRequest, contract: Contract) -> bool:
    """Return whether the body is larger than the contract allows. Uploads have another limit."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    is_upload = request.content_type in UPLOADS
    largest = LARGEST_UPLOAD if is_upload else contract.largest_body
    return length.isdecimal() and int(length) > largest


def preflight(request: HttpRequest) -> HttpResponse:
    """Answer OPTIONS, whatever the path and without a key."""
    asked = request.headers.get("Access-Control-Request-Headers", "")
    headers = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        "Allow": f"{METHODS},OPTIONS",
    }
    if asked and asked.isascii() and asked.isprintable():
        # A fixed list fails: browser SDKs send headers of their own, and * leaves out the key's.
        headers["Access-Control-Allow-Headers"] = asked
    response = HttpResponse(status=HTTPStatus.NO_CONTENT, headers=headers)
    patch_vary_headers(response, ["Access-Control-Request-Headers"])
    return response


def allow_origin(origin: str, response: HttpResponseBase) -> None:
    """Let the configured origins read the answer."""
    allowed = settings.CORS_ALLOWED_ORIGINS
    if ANY in allowed:
        response.headers["Access-Control-Allow-Origin"] = ANY
    else:
        patch_vary_headers(response, ["Origin"])
        if origin not in allowed:
            return
        response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = EXPOSED


def refuse_body(path: str, headers: dict[bytes, bytes]) -> tuple[dict[bytes, bytes], bytes] | None:
    """Return the answer to a body that is too large to be read; None for the site's pages."""
    contract = contract_of(path)
    if contract is None:
        return None
    response = contract.undeclared(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {})
    allow_origin(headers.get(b"origin", b"").decode("latin-1"), response)
    sent = {name.lower().encode(): value.encode() for name, value in response.items()}
    return sent, response.content
