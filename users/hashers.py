"""Password hashes that were written before this project."""

import bcrypt
from django.contrib.auth.hashers import BCryptPasswordHasher
from django.utils.crypto import constant_time_compare


class OldBCryptPasswordHasher(BCryptPasswordHasher):
    """Bcrypt as bcryptjs writes it, which reads 72 bytes of a password and drops the rest.

    The bcrypt package raises on a longer password, so it is cut here. These hashes are only
    ever read: the first log-in replaces one by the preferred hasher's.
    """

    def encode(self, password: str, salt: str) -> str:
        """Return `bcrypt$` and the hash of the first 72 bytes of `password`."""
        data = bcrypt.hashpw(password.encode()[:72], salt.encode("ascii"))
        return f"{self.algorithm}${data.decode('ascii')}"

    def verify(self, password: str, encoded: str) -> bool:
        """Tell whether `password` is the one `encoded` was made from."""
        _, salt = encoded.split("$", 1)
        try:
            return constant_time_compare(encoded, self.encode(password, salt))
        except ValueError:  # the column holds something that is no bcrypt hash
            return False
