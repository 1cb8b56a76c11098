"""The column that holds password hashes."""

from typing import Any

from django.db import models

BCRYPT_PREFIX = "$2"
DJANGO_PREFIX = "bcrypt$$2"


class PasswordHashField(models.TextField):  # type: ignore[type-arg]  # not generic at run time
    """A password hash in Django's format; in the column, bcrypt hashes have no prefix.

    The earlier product writes bcrypt hashes as `$2a$10$…` and must be able to read them. Django
    expects the prefix `bcrypt$`, which is added on reading and removed on writing.
    """

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        """Return the hash in Django's format."""
        return f"bcrypt${value}" if value and value.startswith(BCRYPT_PREFIX) else value

    def get_prep_value(self, value: Any) -> Any:
        """Return the hash in the column's format."""
        if isinstance(value, str) and value.startswith(DJANGO_PREFIX):
            return value.removeprefix("bcrypt$")
        return super().get_prep_value(value)

    def deconstruct(self) -> Any:
        """Return a plain text field, so that migrations do not import this class."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs
