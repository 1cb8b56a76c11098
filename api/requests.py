"""A request by a program that has a key."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest

from api import keys
from api.models import ApiKey
from users.models import User

BEARER = "bearer"


class KeyRequest(HttpRequest):
    """What views of the API are given, for the type checker."""

    user: User
    auth: ApiKey
    # What is left of a limit, for the answer.
    limit_headers: dict[str, str]


def bearer_key(request: HttpRequest) -> ApiKey:
    """Return the key of the Authorization header, and make its owner the request's user.

    Raises:
        RefusedKeyError: There is none, or it lets nobody in.
    """
    token = bearer_token(request.headers.get("Authorization", ""))
    key = keys.authenticate(token, client=request.headers.get("User-Agent", ""))
    request.user = key.user
    return key


def bearer_token(authorization: str) -> str:
    """Return the token of an Authorization header; an empty string if there is none."""
    kind, _, token = authorization.partition(" ")
    return token.strip() if kind.lower() == BEARER else ""


def has_key(headers: dict[bytes, bytes]) -> bool:
    """Return whether the headers of an ASGI request name a key that is valid."""
    token = bearer_token(headers.get(b"authorization", b"").decode("latin-1"))
    try:
        keys.authenticate(token, client=headers.get(b"user-agent", b"").decode("latin-1"))
    except keys.RefusedKeyError:
        return False
    return True


def login_free(urls: tuple[Any, str, str]) -> tuple[Any, str, str]:
    """Return the routes with their views open to whoever has no session: a key is asked for."""
    patterns, *names = urls
    own = [pattern for pattern in patterns if pattern.name != "api-root"]
    for pattern in own:
        login_not_required(pattern.callback)
    return (own, *names)  # type: ignore[return-value]  # two names
