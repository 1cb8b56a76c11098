"""Keys: how they are made, checked and revoked.

A key is `twinthread_`, 36 random letters and digits, and a checksum of six, as GitHub's are: a
secret scanner finds one by its form and knows it from an example.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from api.models import ApiKey
from personas.switching import lock_owner

if TYPE_CHECKING:
    from users.models import User

PREFIX = "twinthread_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH = 36
CHECKSUM_LENGTH = 6
FORM = re.compile(f"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}")
HINT_LENGTH = len(PREFIX) + 4
# Active keys a person may have, and log-ins that are kept: the oldest give way.
MOST_KEYS = 100
MOST_LOGINS = 50
LOGIN_LASTS = timedelta(days=30)
LOGIN_NAME = "browser client"
# How old the noted last use may be.
USE_NOTED_EVERY = timedelta(hours=1)


class Refusal(StrEnum):
    """Why a key does not let anybody in."""

    MISSING = "No API key was sent. Send the header Authorization: Bearer KEY."
    UNKNOWN = "This API key is not valid."
    REVOKED = "This API key was revoked."
    EXPIRED = "This API key has expired."
    CLOSED = "The account of this API key is closed."


class RefusedKeyError(Exception):
    """A key that lets nobody in."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class TooManyKeysError(Exception):
    """The person has MOST_KEYS active keys."""


def create_key(
    *,
    user: User,
    name: str,
    scope: str = ApiKey.Scope.CHAT,
    chats: str = ApiKey.Chats.LISTED,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Return a new key as its row and as the text that is shown once.

    Raises:
        TooManyKeysError: The person has as many as one may have.
    """
    token = generate()
    with transaction.atomic():
        lock_owner(user.pk)
        if ApiKey.objects.for_user(user).active().filter(is_login=False).count() >= MOST_KEYS:
            raise TooManyKeysError
        key = ApiKey.objects.create(
            user=user,
            name=name,
            hash=digest(token),
            hint=token[:HINT_LENGTH],
            scope=scope,
            chats=chats,
            expires_at=expires_at,
        )
    return key, token


@transaction.atomic
def log_in(*, user: User) -> str:
    """Return a new log-in token of the browser client; the oldest of MOST_LOGINS gives way."""
    token = generate()
    logins = ApiKey.objects.for_user(user).filter(is_login=True)
    kept = logins.active().values_list("pk", flat=True)[: MOST_LOGINS - 1]
    logins.exclude(pk__in=list(kept)).delete()
    ApiKey.objects.create(
        user=user,
        name=LOGIN_NAME,
        hash=digest(token),
        hint=token[:HINT_LENGTH],
        scope=ApiKey.Scope.EVERYTHING,
        is_login=True,
        password_stamp=user.get_session_auth_hash(),
        expires_at=timezone.now() + LOGIN_LASTS,
    )
    return token


def authenticate(token: str, *, client: str = "") -> ApiKey:
    """Return the key with its user, and note its use.

    Args:
        token: What the program sent.
        client: What the program calls itself.

    Raises:
        RefusedKeyError: It lets nobody in.
    """
    if not token:
        raise RefusedKeyError(Refusal.MISSING)
    if not is_well_formed(token):
        raise RefusedKeyError(Refusal.UNKNOWN)
    key = ApiKey.objects.select_related("user").filter(hash=digest(token)).first()
    if key is None:
        raise RefusedKeyError(Refusal.UNKNOWN)
    if key.revoked_at:
        raise RefusedKeyError(Refusal.REVOKED)
    stamp = key.user.get_session_auth_hash() if key.is_login else ""
    if key.has_expired or not constant_time_compare(key.password_stamp, stamp):
        raise RefusedKeyError(Refusal.EXPIRED)
    if not key.user.is_active:
        raise RefusedKeyError(Refusal.CLOSED)
    _note_use(key, client)
    return key


def revoke(*, key: ApiKey) -> None:
    """Let nobody in with the key any more."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])


def generate() -> str:
    """Return a new key."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return f"{PREFIX}{body}{checksum(body)}"


def is_well_formed(token: str) -> bool:
    """Return whether a key has its form and its checksum; most of what is no key fails here."""
    if not FORM.fullmatch(token):
        return False
    return checksum(token[len(PREFIX) : -CHECKSUM_LENGTH]) == token[-CHECKSUM_LENGTH:]


def checksum(body: str) -> str:
    """Return the CRC-32 of `body` in six digits of base 62."""
    number, digits = zlib.crc32(body.encode("ascii")), ""
    for _ in range(CHECKSUM_LENGTH):
        number, place = divmod(number, len(ALPHABET))
        digits = ALPHABET[place] + digits
    return digits


def digest(token: str) -> str:
    """Return what is stored of a key: it is random enough to need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def _note_use(key: ApiKey, client: str) -> None:
    """Write down the use, unless one was written down lately."""
    now = timezone.now()
    if key.last_used_at and key.last_used_at > now - USE_NOTED_EVERY:
        return
    text = "".join(sign for sign in client if sign.isprintable())[:200]
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=now, last_client=text)
