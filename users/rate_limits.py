"""Rate limits for passwords, sign-ups and reset mails.

Attempts are counted in the database, so the limits hold across processes and restarts. A
window begins with the first attempt and ends by itself; no account is locked for longer.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from users.models import Attempt, User


@dataclass(frozen=True)
class RateLimit:
    """At most `limit` attempts in a window, for each subject."""

    name: str
    limit: int
    window: timedelta

    def key(self, subject: str) -> str:
        """Return the key of the subject's counter: a keyed hash instead of the address."""
        return salted_hmac(f"attempts.{self.name}", subject, algorithm="sha256").hexdigest()

    def hit(self, subject: str) -> bool:
        """Count one attempt and return whether it is within the limit.

        The check and the increment are one statement, so concurrent attempts cannot exceed the
        limit. An attempt beyond the limit sets the counter to `limit` + 1, for `is_exceeded`.
        """
        key = self.key(subject)
        while True:
            now = timezone.now()
            row = Attempt.objects.filter(key=key, expires_at__gt=now)
            if row.filter(count__lt=self.limit).update(count=F("count") + 1):
                return True
            if row.filter(count__gte=self.limit).update(count=self.limit + 1):
                return False
            Attempt.objects.filter(expires_at__lte=now).delete()
            counter = Attempt(key=key, count=0, expires_at=now + self.window)
            Attempt.objects.bulk_create([counter], ignore_conflicts=True)

    def is_exceeded(self, subject: str) -> bool:
        """Return whether an attempt was refused in this window; count nothing."""
        return Attempt.objects.filter(
            key=self.key(subject), count__gt=self.limit, expires_at__gt=timezone.now()
        ).exists()

    def reset(self, subject: str) -> None:
        """Delete the counter after a successful attempt."""
        Attempt.objects.filter(key=self.key(subject)).delete()

    def refund(self, subject: str) -> None:
        """Take back one attempt that turned out not to be a guess."""
        Attempt.objects.filter(key=self.key(subject), count__gt=0).update(count=F("count") - 1)


# "192.0.2.1:4711" and "[2001:db8::1]:4711", or the latter without a port.
WITH_PORT = re.compile(r"(?:([\d.]+):\d+|\[([^\]]+)\](?::\d+)?)")
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
# Wrong passwords: for one account from unknown devices, for one account from one known device,
# and from one address for any account.
ACCOUNT = RateLimit("account", 10, QUARTER)
DEVICE = RateLimit("device", 10, QUARTER)
ADDRESS = RateLimit("address", 50, QUARTER)
# Confirmations of the password by a user who is logged in.
CONFIRM = RateLimit("confirm", 10, QUARTER)
SIGN_UP = RateLimit("sign-up", 20, HOUR)
RESET_ACCOUNT = RateLimit("reset-account", 3, HOUR)
RESET_ADDRESS = RateLimit("reset-address", 20, HOUR)


def account_subject(email: str, user: User | None) -> str:
    """Return the subject of the limits of an account: `user`'s, or a typed `email` without one.

    The database decides which addresses are the same account. Python folds some letters in
    another way (İ, the Kelvin sign), so a typed address would have several counters.
    """
    return (user.email if user else email).lower()


def client_address(request: HttpRequest) -> str:
    """Return the address of the client; an IPv6 network (/64) counts as one address.

    X-Forwarded-For is used only behind a proxy, and only its last entry: the proxy added that
    one, the client may have sent the others. Some proxies add the client's port.
    """
    text = str(request.META.get("REMOTE_ADDR", ""))
    if settings.BEHIND_PROXY:
        text = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or text
    with_port = WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address(with_port[1] or with_port[2] if with_port else text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
