"""Who may sign up: everybody, people with an address at certain domains, or those invited."""

from __future__ import annotations

import time

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.translation import gettext as _

SALT = "users.invitation"
OPEN, CLOSED = "open", "closed"
DAY = 24 * 3600  # seconds


def link(email: str, *, days: int) -> str:
    """Return the link with which the owner of `email` may sign up within some days.

    It is for this address alone, so it works once: afterwards the account exists.
    """
    token = signing.dumps([email.lower(), int(time.time()) + days * DAY], salt=SALT)
    return f"{settings.SITE_URL}{reverse('threads:sign_up')}?invitation={token}"


def invited(token: str) -> str:
    """Return the address that was invited with the link of this token, or "" for no valid one."""
    try:
        email, until = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError):
        return ""
    return str(email) if time.time() < until else ""


def is_open() -> bool:
    """Return whether somebody without an invitation may sign up at all."""
    return settings.SIGN_UP != [CLOSED]


def refusal(email: str, token: str = "") -> str:
    """Return why nobody may sign up with this address, or "" if its owner may."""
    email = email.lower()
    if settings.SIGN_UP == [OPEN] or (token and invited(token) == email):
        return ""
    if not is_open():
        return _(
            "Only people who are invited may sign up here, with the address of the invitation."
        )
    if email.rpartition("@")[2] in settings.SIGN_UP:
        return ""
    domains = ", ".join(settings.SIGN_UP)
    return _("Only addresses at %(domains)s may sign up here.") % {"domains": domains}
