"""Authentication by e-mail address and password, with rate limits."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from users import devices, rate_limits
from users.hashers import equalize_time
from users.models import User


class RateLimitedBackend(ModelBackend):
    """Log in by e-mail address and password; the admin's log-in page uses it too.

    When strangers have guessed at an account, log-ins from unknown devices are refused until
    the window ends. A device that its owner has used before has a counter of its own.
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
            PermissionDenied: A limit is exceeded. The password was not checked.
        """
        email = kwargs.get("email") or username or ""
        user = User.objects.with_email(email)
        if request is None:
            return self._check(user, password or "")
        (account_limit, account), (address_limit, address) = limits(request, email, user)
        # Both are counted, even if the first one already refuses.
        is_within = account_limit.hit(account)
        if not address_limit.hit(address) or not is_within:
            raise PermissionDenied
        checked = self._check(user, password or "")
        if checked is not None:
            account_limit.reset(account)
            address_limit.refund(address)
        return checked

    def _check(self, user: User | None, password: str) -> User | None:
        """Return `user` if the password is right; a failure takes the same time for everyone."""
        if user is not None and user.check_password(password):
            return user if self.user_can_authenticate(user) else None
        equalize_time(password, user.password if user else None)
        return None


def limits(
    request: HttpRequest, email: str, user: User | None
) -> list[tuple[rate_limits.RateLimit, str]]:
    """Return the limits for a log-in to `email`, with their subjects: account, address.

    `user` is the account of that e-mail address, if there is one.
    """
    subject = rate_limits.account_subject(email, user)
    device = devices.known_device(request, subject)
    account = (rate_limits.DEVICE, device) if device else (rate_limits.ACCOUNT, subject)
    return [account, (rate_limits.ADDRESS, rate_limits.client_address(request))]


def is_rate_limited(request: HttpRequest, email: str) -> bool:
    """Return whether a log-in to `email` exceeds a limit; count nothing."""
    user = User.objects.with_email(email)
    return any(limit.is_exceeded(subject) for limit, subject in limits(request, email, user))
