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
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip() if kind.lower() == BEARER else ""
    key = keys.authenticate(token, client=request.headers.get("User-Agent", ""))
    request.user = key.user
    return key


def login_free(urls: tuple[Any, str, str]) -> tuple[Any, str, str]:
    """Return the routes with their views open to whoever has no session: a key is asked for."""
    patterns, *names = urls
    own = [pattern for pattern in patterns if pattern.name != "api-root"]
    for pattern in own:
        login_not_required(pattern.callback)
    return (own, *names)  # type: ignore[return-value]  # two names
