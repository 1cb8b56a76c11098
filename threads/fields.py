"""Columns that the database keeps and Django only reads.

Model.save() writes every column. A thread that was read a moment ago would write back the
count of that moment, and undo what other writers counted since; these fields set the
column to what it holds instead. In the database, and in migrations, they are the plain ones.
"""

from typing import Any

from django.db import models


class KeptIntegerField(models.IntegerField):  # type: ignore[type-arg]  # not generic at run time
    """An integer that triggers write."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the value for a new row, and the column itself for one that exists."""
        return super().pre_save(model_instance, add) if add else models.F(self.attname)

    def deconstruct(self) -> Any:
        """Return the plain field."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.IntegerField", args, kwargs


class KeptDateTimeField(models.DateTimeField):  # type: ignore[type-arg]  # not generic at run time
    """A moment that triggers write."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the value for a new row, and the column itself for one that exists."""
        return super().pre_save(model_instance, add) if add else models.F(self.attname)

    def deconstruct(self) -> Any:
        """Return the plain field."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DateTimeField", args, kwargs
