"""Devices that have logged in to an account before.

A signed cookie identifies the account and the device. It grants no access; wrong passwords from a
known device have a counter of their own
(https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies).
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from users.models import User
from users.rate_limits import account_subject

COOKIE = "device"
SALT = "users.devices"
MAX_AGE = 365 * 24 * 3600  # seconds


def known_device(request: HttpRequest, account: str) -> str:
    """Return the identifier of a device that has logged in to `account`, or an empty text."""
    try:
        owner, name = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=MAX_AGE)
    except (signing.BadSignature, TypeError, ValueError):
        return ""
    return f"{owner} {name}" if owner == account else ""


def remember(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Set the cookie that makes the device known to the account."""
    account = account_subject(user.email, user)
    if known_device(request, account):
        return
    response.set_cookie(
        COOKIE,
        signing.dumps([account, secrets.token_urlsafe(12)], salt=SALT),
        max_age=MAX_AGE,
        httponly=True,
        secure=bool(settings.SESSION_COOKIE_SECURE),
        samesite="Lax",
    )
