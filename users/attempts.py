"""Limits on how often something secret may be tried.

Attempts are counted in the database, so the limits hold over all processes and restarts.
A window begins with the first attempt and ends by itself; nobody is locked out for longer.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from users.models import Attempt


@dataclass(frozen=True)
class Limit:
    """At most `most` attempts a window, for each subject that is counted under `name`."""

    name: str
    most: int
    window: timedelta

    def key(self, subject: str) -> str:
        """Return what the attempts are stored under: a keyed hash, no e-mail or address."""
        return salted_hmac(f"attempts.{self.name}", subject, algorithm="sha256").hexdigest()

    def take(self, subject: str) -> bool:
        """Count one attempt and tell whether it may go on.

        Looking and counting are one statement, so attempts made at once cannot all find the
        last free place. One too many is noted as such, for `allows`.
        """
        key = self.key(subject)
        while True:
            now = timezone.now()
            row = Attempt.objects.filter(key=key, expires_at__gt=now)
            if row.filter(count__lt=self.most).update(count=F("count") + 1):
                return True
            if row.filter(count__gte=self.most).update(count=self.most + 1):
                return False
            Attempt.objects.filter(expires_at__lte=now).delete()
            begun = Attempt(key=key, count=0, expires_at=now + self.window)
            Attempt.objects.bulk_create([begun], ignore_conflicts=True)

    def allows(self, subject: str) -> bool:
        """Tell whether `subject` stays within the limit, counting nothing."""
        return not Attempt.objects.filter(
            key=self.key(subject), count__gt=self.most, expires_at__gt=timezone.now()
        ).exists()

    def forget(self, subject: str) -> None:
        """Begin anew: the attempt succeeded."""
        Attempt.objects.filter(key=self.key(subject)).delete()

    def give_back(self, subject: str) -> None:
        """Take back one attempt, which turned out to be no guess."""
        Attempt.objects.filter(key=self.key(subject), count__gt=0).update(count=F("count") - 1)


QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
# Wrong passwords for one account from anywhere, from one device known to it, and from one
# address for any account.
ACCOUNT = Limit("account", 10, QUARTER)
DEVICE = Limit("device", 10, QUARTER)
ADDRESS = Limit("address", 50, QUARTER)
# The password asked for once more, by somebody who is logged in.
CONFIRM = Limit("confirm", 10, QUARTER)
SIGN_UP = Limit("sign-up", 20, HOUR)
RESET_ACCOUNT = Limit("reset-account", 3, HOUR)
RESET_ADDRESS = Limit("reset-address", 20, HOUR)


def address_of(request: HttpRequest) -> str:
    """Return where a request comes from; an IPv6 neighbourhood (/64) counts as one.

    X-Forwarded-For is believed only behind a proxy, and only its last entry, which the
    proxy wrote: whatever stands before came from outside.
    """
    text = str(request.META.get("REMOTE_ADDR", ""))
    if settings.BEHIND_PROXY:
        text = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or text
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
