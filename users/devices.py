"""Devices that an account was logged in with before.

A signed cookie names the account and the device. It opens nothing by itself; wrong passwords
from a known device are counted apart from those of strangers
(https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies).
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

COOKIE = "device"
SALT = "users.devices"
LASTS = 365 * 24 * 3600  # seconds


def known(request: HttpRequest, email: str) -> str:
    """Return the device's own name if it is known to the account `email`, else nothing."""
    try:
        owner, name = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=LASTS)
    except (signing.BadSignature, TypeError, ValueError):
        return ""
    return f"{owner} {name}" if owner == email.lower() else ""


def remember(request: HttpRequest, response: HttpResponseBase, email: str) -> None:
    """Make the device known to the account `email`."""
    if known(request, email):
        return
    response.set_cookie(
        COOKIE,
        signing.dumps([email.lower(), secrets.token_urlsafe(12)], salt=SALT),
        max_age=LASTS,
        httponly=True,
        secure=bool(settings.SESSION_COOKIE_SECURE),
        samesite="Lax",
    )
