"""Who may log in, and how often it may be tried."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from users import attempts, devices
from users.models import User


class LimitedBackend(ModelBackend):
    """E-mail and password, with limits on guessing; the admin's log-in goes through it too.

    An account that strangers guess at is closed to strangers for the rest of the window, but
    not to a device its owner has logged in with before: that one is counted by itself.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the user, or None for a wrong password.

        Raises:
            PermissionDenied: There were too many attempts; the password was not looked at.
        """
        email = kwargs.get("email") or username or ""
        if request is None:
            return self._check(request, email, password)
        (account, subject), (address, place) = counters(request, email)
        # Both are counted, even when the first one refuses already.
        within = account.take(subject)
        if not address.take(place) or not within:
            raise PermissionDenied
        user = self._check(request, email, password)
        if user is not None:
            account.forget(subject)
            address.give_back(place)
        return user

    def _check(self, request: HttpRequest | None, email: str, password: str | None) -> User | None:
        user = super().authenticate(request, username=email, password=password)
        return user if isinstance(user, User) else None


def counters(request: HttpRequest, email: str) -> list[tuple[attempts.Limit, str]]:
    """Return the limits that an attempt for `email` falls under: the account's, the address's."""
    device = devices.known(request, email)
    account = (attempts.DEVICE, device) if device else (attempts.ACCOUNT, email.lower())
    return [account, (attempts.ADDRESS, attempts.address_of(request))]


def is_refused(request: HttpRequest, email: str) -> bool:
    """Tell whether there were too many attempts, to say so; counts nothing."""
    return not all(limit.allows(subject) for limit, subject in counters(request, email))
