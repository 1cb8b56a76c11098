"""What the three contracts have in common: one path each, one shape of error each."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse


@dataclass(frozen=True)
class Contract(ABC):
    """Where a contract is served, and how it reports an error.

    Attributes:
        prefixes: How its paths begin.
        largest_body: Bytes.
    """

    prefixes: tuple[str, ...]
    largest_body: int

    def covers(self, path: str) -> bool:
        """Return whether the contract is about this path."""
        return any(path == prefix or path.startswith(f"{prefix}/") for prefix in self.prefixes)

    @abstractmethod
    def error(
        self, status: int, message: str, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Return an error in the shape of this contract."""

    def undeclared(self, status: int, headers: Mapping[str, str]) -> HttpResponse:
        """Return the error for an answer that no view of the contract made."""
        return self.error(status, HTTPStatus(status).description or HTTPStatus(status).phrase)


class BrowserContract(Contract):
    """The earlier browser client's: `{"error": text}`, and one answer for all wrong routes."""

    def error(
        self, status: int, message: str, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Return `{"error": text}`."""
        return json_response({"error": message}, status, headers)

    def undeclared(self, status: int, headers: Mapping[str, str]) -> HttpResponse:
        """Return 404 for an unknown method too: the earlier backend did."""
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            return self.error(HTTPStatus.NOT_FOUND, "Route not found")
        return super().undeclared(status, headers)


class OpenAIContract(Contract):
    """OpenAI's: an object with message, type, param and code."""

    def error(
        self, status: int, message: str, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Return the error object."""
        kind = (
            "server_error"
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR
            else "invalid_request_error"
        )
        code = "unknown_url" if status == HTTPStatus.NOT_FOUND else None
        error = {"message": message, "type": kind, "param": None, "code": code}
        return json_response({"error": error}, status, headers)

    def undeclared(self, status: int, headers: Mapping[str, str]) -> HttpResponse:
        """Return the error; 405 names the methods there are."""
        allow = {name: value for name, value in headers.items() if name == "Allow"}
        text = HTTPStatus(status).description or HTTPStatus(status).phrase
        return self.error(status, text, allow)


class ResourceContract(Contract):
    """The resources': problem details (RFC 9457)."""

    def error(
        self, status: int, message: str, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Return a problem."""
        response = self.problem(status, message, [])
        for name, value in (headers or {}).items():
            response.headers[name] = value
        return response

    def problem(self, status: int, detail: str, errors: list[dict[str, str]]) -> HttpResponse:
        """Return a problem with its faulty fields."""
        body = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "errors": errors,
        }
        response = json_response(body, status)
        response.headers["Content-Type"] = "application/problem+json"
        return response

    def undeclared(self, status: int, headers: Mapping[str, str]) -> HttpResponse:
        """Return the problem; 405 names the methods there are."""
        allow = {name: value for name, value in headers.items() if name == "Allow"}
        text = HTTPStatus(status).description or HTTPStatus(status).phrase
        return self.error(status, text, allow)


RESOURCES = ResourceContract(("/api/v2", "/api/openapi.json", "/api/docs"), largest_body=1_000_000)
OPENAI = OpenAIContract(("/v1", "/api/v1"), largest_body=2_500_000)
BROWSER = BrowserContract(("/api", "/health"), largest_body=100 * 1024)
# The first that covers a path is the one that counts.
CONTRACTS: list[Contract] = [OPENAI, RESOURCES, BROWSER]


def contract_of(path: str) -> Contract | None:
    """Return the contract that a path belongs to; None for the pages of the site."""
    return next((contract for contract in CONTRACTS if contract.covers(path)), None)


def json_response(
    data: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return `data` as JSON."""
    return HttpResponse(
        json.dumps(data, ensure_ascii=False),
        status=status,
        content_type="application/json; charset=utf-8",
        headers=dict(headers or {}),
    )
