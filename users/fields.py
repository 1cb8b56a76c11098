"""The column that holds password hashes."""

from typing import Any

from django.db import models

BARE_BCRYPT = "$2"
NAMED_BCRYPT = "bcrypt$$2"


class PasswordHashField(models.TextField):  # type: ignore[type-arg]  # not generic at run time
    """A password hash, with or without the name of its algorithm in front.

    The Node backend writes bcrypt hashes bare (`$2a$10$…`) and has to find them so; Django
    asks for `bcrypt$` in front. The name is added on reading and taken off on writing.
    """

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        """Return the hash as Django knows it."""
        return f"bcrypt${value}" if value and value.startswith(BARE_BCRYPT) else value

    def get_prep_value(self, value: Any) -> Any:
        """Return the hash as the column holds it."""
        if isinstance(value, str) and value.startswith(NAMED_BCRYPT):
            return value.removeprefix("bcrypt$")
        return super().get_prep_value(value)

    def deconstruct(self) -> Any:
        """Return a plain text field: in the database it is one, and migrations stay free of us."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs
