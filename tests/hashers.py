"""A hash of passwords that takes no time: thousands of people are made here."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2PasswordHasher(Argon2PasswordHasher):
    """The site's own hash with the least work; the site served beside the tests verifies it."""

    time_cost = 1
    memory_cost = 8  # KiB
    parallelism = 1
