"""The routes of the earlier browser client."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI
from ninja.errors import HttpError

from api.browser_client import (
    accounts,
    analytics,
    chat,
    errors,
    mail,
    personas,
    shapes,
    threads,
    training,
)
from api.contracts import json_response
from api.models import ApiKey
from api.requests import bearer_key, login_free


def everything(request: HttpRequest) -> ApiKey:
    """Let in whoever may do everything: a log-in, or a key with that scope."""
    key = bearer_key(request)
    if key.scope != ApiKey.Scope.EVERYTHING:
        raise HttpError(HTTPStatus.FORBIDDEN, "This key may not do everything")
    return key


api = NinjaAPI(
    title="Earlier browser client",
    urls_namespace="browser_client",
    auth=everything,
    docs_url=None,
    openapi_url=None,
)
errors.add_handlers(api)
for room in (accounts, training, personas, threads, chat, analytics, mail):
    api.add_router("", room.router)
urls = login_free(api.urls)


@login_not_required
def health(request: HttpRequest) -> HttpResponse:
    """Answer that the process lives, as the earlier backend did."""
    return json_response({"status": "ok", "timestamp": shapes.date(timezone.now())})
