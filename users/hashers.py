"""Verify the password hashes of the earlier product."""

from contextlib import suppress

import bcrypt
from django.contrib.auth.hashers import BCryptPasswordHasher, make_password
from django.utils.crypto import constant_time_compare

# The cost of the earlier product's hashes, with a salt of zeros.
SALT = b"$2a$10$......................"


class LegacyBCryptPasswordHasher(BCryptPasswordHasher):
    """Bcrypt as bcryptjs uses it: only the first 72 bytes of a password count.

    The bcrypt package raises an error for longer passwords, so they are truncated here. These
    hashes are only verified; the first log-in replaces one by the preferred hasher's.
    """

    def encode(self, password: str, salt: str) -> str:
        """Return `bcrypt$` and the hash of the first 72 bytes of `password`."""
        data = bcrypt.hashpw(password.encode()[:72], salt.encode("ascii"))
        return f"{self.algorithm}${data.decode('ascii')}"

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether `encoded` is a hash of `password`."""
        _, salt = encoded.split("$", 1)
        try:
            return constant_time_compare(encoded, self.encode(password, salt))
        except ValueError:  # not a bcrypt hash
            return False


def equalize_time(password: str, encoded: str | None) -> None:
    """Do the hashing that a failed check of `password` against `encoded` did not do.

    Afterwards each failure has computed one hash of the preferred hasher and one of the earlier
    product's. Otherwise the time would reveal whether an account exists (`encoded` is None if it
    does not), and how old it is.
    """
    is_legacy = encoded is not None and encoded.startswith("bcrypt$")
    if encoded is None or is_legacy:
        make_password(password)
    if not is_legacy:
        with suppress(ValueError):  # a password that bcrypt does not accept
            bcrypt.hashpw(password.encode()[:72], SALT)
