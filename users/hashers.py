"""Verify the password hashes of the earlier product."""

import bcrypt
from django.contrib.auth.hashers import BCryptPasswordHasher
from django.utils.crypto import constant_time_compare


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
