"""What a foreign key does on delete, said to the database as well as to Django.

Django 5.2 carries out `on_delete` in Python only, so a row deleted by psql, or by another
backend that relies on the cascade, would be refused. Both schema editors here write the
model's `on_delete` into the constraint.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.fields.related import ForeignKey

ACTIONS: dict[Any, str] = {
    models.CASCADE: " ON DELETE CASCADE",
    models.SET_NULL: " ON DELETE SET NULL",
}


def delete_action(field: models.Field[Any, Any]) -> str:
    """Return the ON DELETE clause for `field`, with a leading blank, or an empty text."""
    if not isinstance(field, ForeignKey):
        return ""
    return ACTIONS.get(field.remote_field.on_delete, "")
