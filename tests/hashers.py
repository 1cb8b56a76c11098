"""Hash passwords quickly: the tests create thousands of users."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2 with the least work. The served site verifies such hashes like any others."""

    time_cost = 1
    memory_cost = 8  # KiB
    parallelism = 1
