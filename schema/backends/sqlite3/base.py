"""Django's SQLite backend, with foreign keys that act on delete and triggers that survive."""

from __future__ import annotations

import os
from contextlib import suppress
from types import TracebackType
from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.sqlite3 import base, schema

from schema.backends.foreign_keys import delete_action


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """Writes ON DELETE, and puts triggers back after a table was rebuilt."""

    inline_fk = schema.DatabaseSchemaEditor.sql_create_inline_fk
    sql_create_inline_fk: str
    sql_create_column_inline_fk: str

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Roll back on an error without checking the constraints.

        In a transaction that has failed, the check would fail too and hide the error.
        """
        if kind is None:
            super().__exit__(kind, error, trace)
            return
        try:
            BaseDatabaseSchemaEditor.__exit__(self, kind, error, trace)
        finally:
            self.connection.enable_constraint_checking()

    def column_sql(
        self,
        model: type[models.Model],
        field: models.Field[Any, Any],
        include_default: bool = False,
    ) -> tuple[str | None, list[Any] | None]:
        """Return the column's definition; the foreign key clause follows it right after."""
        references, deferrable = self.inline_fk.split(" DEFERRABLE", 1)
        clause = f"{references}{delete_action(field)} DEFERRABLE{deferrable}"
        self.sql_create_inline_fk = self.sql_create_column_inline_fk = clause
        definition: tuple[str | None, list[Any] | None]
        definition = super().column_sql(model, field, include_default)
        return definition

    def _remake_table(self, model: type[models.Model], **changes: Any) -> None:
        """Rebuild a table with every trigger of the database dropped meanwhile.

        SQLite drops the triggers of the table that is replaced, and refuses the renaming
        while a trigger elsewhere names that table.
        """
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
        for name, _ in triggers:
            self.execute(f"DROP TRIGGER {self.quote_name(name)}")
        super()._remake_table(model, **changes)
        for _, sql in triggers:
            self.execute(sql, params=None)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection with this schema editor; a new file is readable by its owner only."""

    SchemaEditorClass = DatabaseSchemaEditor

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Create a missing file before SQLite does, which would leave its mode to the umask.

        SQLite gives the files beside it, `-wal` and `-shm`, the same mode.
        """
        name = str(conn_params["database"])
        if name and not name.startswith((":memory:", "file:")):
            with suppress(OSError):  # it exists, or SQLite reports why it cannot
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return super().get_new_connection(conn_params)
