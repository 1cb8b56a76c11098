"""Sign-up and log-in of the earlier browser client."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError
from django.http import HttpRequest
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import AfterValidator, Field

from api import keys
from api.browser_client import shapes
from api.fields import Text
from api.requests import KeyRequest
from threads.signup import create_account
from users import invitations, rate_limits
from users.backends import is_rate_limited
from users.forms import TAKEN, TOO_MANY
from users.models import User

router = Router()


def valid_email(text: str) -> str:
    """Return an e-mail address as it was typed."""
    try:
        validate_email(text)
    except ValidationError:
        raise ValueError("must be a valid e-mail address") from None
    return text


class LogIn(Schema):
    """What somebody logs in with; the lengths are those that the client knows."""

    email: Annotated[Text, AfterValidator(valid_email)]
    password: Text = Field(min_length=6)


class SignUp(LogIn):
    """What an account begins with."""

    name: Text = Field(min_length=2)


@router.post("/auth/signup", auth=None)
def sign_up(request: HttpRequest, data: SignUp) -> dict[str, Any]:
    """Make an account with a first persona."""
    if not rate_limits.SIGN_UP.hit(rate_limits.client_address(request)):
        raise HttpError(HTTPStatus.TOO_MANY_REQUESTS, str(TOO_MANY))
    if refusal := invitations.refusal(data.email):
        raise HttpError(HTTPStatus.FORBIDDEN, refusal)
    if User.objects.filter(email__iexact=data.email).exists():
        raise HttpError(HTTPStatus.BAD_REQUEST, str(TAKEN))
    try:
        user = create_account(**data.dict(), persona_name="My Twin")
    except IntegrityError:  # somebody was faster
        raise HttpError(HTTPStatus.BAD_REQUEST, str(TAKEN)) from None
    return {"user": shapes.user(user), "token": keys.log_in(user=user)}


@router.post("/auth/login", auth=None)
def log_in(request: HttpRequest, data: LogIn) -> dict[str, Any]:
    """Give a token to whoever knows the password."""
    user = authenticate(request, username=data.email, password=data.password)
    if isinstance(user, User):
        return {"user": shapes.user(user), "token": keys.log_in(user=user)}
    if is_rate_limited(request, data.email):
        raise HttpError(HTTPStatus.TOO_MANY_REQUESTS, str(TOO_MANY))
    raise HttpError(HTTPStatus.UNAUTHORIZED, "Invalid credentials")


@router.get("/auth/me")
def me(request: KeyRequest) -> dict[str, Any]:
    """Return the person the token belongs to."""
    return shapes.user(request.user)
