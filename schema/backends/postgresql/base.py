"""Django's PostgreSQL backend, with foreign keys that act on delete in the database."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.ddl_references import Statement
from django.db.backends.postgresql import base, schema

from schema.backends.foreign_keys import delete_action


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """Writes ON DELETE, and every foreign key as a statement of its own."""

    # Left out, Django goes through _create_fk_sql for added columns too.
    sql_create_column_inline_fk = None

    def _create_fk_sql(
        self, model: type[models.Model], field: models.Field[Any, Any], suffix: str
    ) -> Statement:
        statement = super()._create_fk_sql(model, field, suffix)
        statement.parts["deferrable"] = delete_action(field) + statement.parts["deferrable"]
        return statement


class DatabaseWrapper(base.DatabaseWrapper):
    """The connection; only its schema editor is ours."""

    SchemaEditorClass = DatabaseSchemaEditor
