"""The earlier browser client, as far as its calls go: JSON, a token, an origin, no slashes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.http.response import HttpResponseBase
from django.test import Client

ORIGIN = "http://localhost:3000"


def body_of(response: HttpResponseBase) -> bytes:
    """Return the whole body of an answer."""
    if response.streaming:
        return b"".join(response)
    content: bytes = response.content  # type: ignore[attr-defined]  # it is a HttpResponse
    return content


@dataclass
class Browser:
    """A page of the client with its token; each answer is checked as far as all are alike."""

    token: str = ""
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def call(self, verb: str, path: str, data: Any = None, **extra: Any) -> tuple[int, Any]:
        """Return status and body of a call; JSON is read."""
        headers = {"Origin": ORIGIN} | extra.pop("headers", {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if data is not None:
            extra |= {"data": json.dumps(data), "content_type": "application/json"}
        response = self.client.generic(verb, f"/api{path}", headers=headers, **extra)
        assert response.headers["Access-Control-Allow-Origin"] == "*", path
        assert "Location" not in response.headers, path
        body = body_of(response)
        kind = response.headers["Content-Type"]
        if kind.startswith("application/json"):
            return response.status_code, json.loads(body)
        assert kind.startswith("text/csv"), kind
        return response.status_code, body.decode()

    def get(self, path: str) -> tuple[int, Any]:
        """Read something."""
        return self.call("GET", path)

    def post(self, path: str, data: Any = None) -> tuple[int, Any]:
        """Send something, or nothing."""
        return self.call("POST", path, data)

    def sign_up(self, name: str = "alice") -> dict[str, Any]:
        """Make an account, keep its token and return the user."""
        data = {"email": f"{name}@example.com", "password": "secret", "name": name.title()}
        status, answer = self.post("/auth/signup", data)
        assert status == 200, answer
        self.token = answer["token"]
        user: dict[str, Any] = answer["user"]
        return user
