"""Columns that triggers maintain and Django only reads.

Model.save() writes every column. It would overwrite a count with the older value that the
instance holds, and undo concurrent increments. These fields set the column to its current value
instead (`UPDATE … SET message_count = message_count`). Migrations see the plain fields.
"""

from typing import Any

from django.db import models


class TriggerIntegerField(models.IntegerField):  # type: ignore[type-arg]  # not generic at runtime
    """An integer that a trigger maintains."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the value for a new row, and the column itself for an existing one."""
        return super().pre_save(model_instance, add) if add else models.F(self.attname)

    def deconstruct(self) -> Any:
        """Return the plain field."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.IntegerField", args, kwargs


class TriggerDateTimeField(models.DateTimeField):  # type: ignore[type-arg]  # not generic at runtime
    """A timestamp that a trigger maintains."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the value for a new row, and the column itself for an existing one."""
        return super().pre_save(model_instance, add) if add else models.F(self.attname)

    def deconstruct(self) -> Any:
        """Return the plain field."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DateTimeField", args, kwargs
