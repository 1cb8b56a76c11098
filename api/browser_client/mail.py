"""The mail account of the earlier browser client, which this site does not have."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from ninja import Router
from ninja.errors import HttpError

from api.requests import KeyRequest

router = Router()
NO_MAIL = "Mail accounts are not supported here"


@router.get("/email/account")
def account(request: KeyRequest) -> dict[str, Any]:
    """Return that no account is connected."""
    return {"account": None}


@router.get("/email/auth/url")
def auth_url(request: KeyRequest) -> None:
    """Refuse to connect one."""
    raise HttpError(HTTPStatus.NOT_IMPLEMENTED, NO_MAIL)


@router.post("/email/auth/callback")
def auth_callback(request: KeyRequest) -> None:
    """Refuse to connect one."""
    raise HttpError(HTTPStatus.NOT_IMPLEMENTED, NO_MAIL)


@router.post("/email/disconnect")
def disconnect(request: KeyRequest) -> dict[str, bool]:
    """Leave it unconnected."""
    return {"success": True}


@router.get("/email/inbox")
def inbox(request: KeyRequest) -> dict[str, list[Any]]:
    """Return no mail."""
    return {"messages": []}


@router.post("/email/generate-reply")
def generate_reply(request: KeyRequest) -> None:
    """Know no mail."""
    raise HttpError(HTTPStatus.NOT_FOUND, NO_MAIL)


@router.post("/email/send-reply")
def send_reply(request: KeyRequest) -> None:
    """Know no mail."""
    raise HttpError(HTTPStatus.NOT_FOUND, NO_MAIL)
