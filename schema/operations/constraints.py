"""Add foreign keys and checks while other sessions use the table.

A constraint declared NOT VALID applies to rows that are written from then on, and reads none.
Validating it reads the table, but blocks neither readers nor writers.
https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

EXISTS = """EXISTS (
        SELECT FROM pg_constraint
        WHERE conrelid = to_regclass('{table}') AND format('"%s"', conname) = '{name}'
    )"""
# Adding does nothing if the constraint exists, validating does nothing if it is valid.
ADD_MISSING = f"""
DO $$
BEGIN
    IF NOT {EXISTS} THEN
        {{add}} NOT VALID;
    END IF;
END
$$
"""
# A column that has just been filled has no statistics, so the planner would look up the target of
# each row separately.
ANALYZE = "ANALYZE {target}, {table} ({column})"
VALIDATE = "ALTER TABLE {table} VALIDATE CONSTRAINT {name}"
DROP = "ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}"


class AddFieldUnchecked(migrations.AddField):
    """Add a foreign key's column; on PostgreSQL leave its constraint to AddForeignKeyOnline.

    Rows can then be filled without a look-up of each target, and one join checks all of them in
    the end. SQLite adds column and constraint together.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Add the column."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        field = to_state.apps.get_model(app_label, self.model_name)._meta.get_field(self.name)
        key: Any = field
        key.db_constraint = False
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            key.db_constraint = True


class PostgreSQLOperation(Operation):
    """An operation that changes the PostgreSQL schema but no model."""

    reversible = True
    model_name: str

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the models as they are."""

    def references_model(self, name: str, app_label: str) -> bool:
        """Return whether this operation concerns the model called `name`."""
        return name.lower() == self.model_name.lower()


class AddForeignKeyOnline(PostgreSQLOperation):
    """Add the constraint of an existing foreign key column.

    With `validate=False` it applies only to rows that are written from then on. Rows without a
    target can then be repaired before the same operation validates the constraint.
    """

    def __init__(self, model_name: str, name: str, *, validate: bool = True) -> None:
        self.model_name = model_name
        self.name = name
        self.validate = validate

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Add the constraint if it is missing, and validate it."""
        if schema_editor.connection.vendor != "postgresql":
            return
        parts = self._sql(app_label, schema_editor, to_state)
        if schema_editor.collect_sql or not self._exists(schema_editor, parts):
            schema_editor.execute(ANALYZE.format(**parts), params=None)
            schema_editor.execute(ADD_MISSING.format(**parts), params=None)
        if self.validate:
            schema_editor.execute(VALIDATE.format(**parts), params=None)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the constraint if it exists."""
        if schema_editor.connection.vendor != "postgresql":
            return
        parts = self._sql(app_label, schema_editor, from_state)
        schema_editor.execute(DROP.format(**parts), params=None)

    def describe(self) -> str:
        """Return the line of `migrate --plan`."""
        how = "online" if self.validate else "for new rows"
        return f"Add the foreign key constraint of {self.model_name}.{self.name} {how}"

    def _exists(self, schema_editor: BaseDatabaseSchemaEditor, parts: dict[str, str]) -> bool:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(f"SELECT {EXISTS.format(**parts)}")
            return bool(cursor.fetchone()[0])

    def _sql(self, app_label: str, schema_editor: Any, state: ProjectState) -> dict[str, str]:
        """Return table, column, target and name of the constraint, quoted, and what adds it."""
        model = state.apps.get_model(app_label, self.model_name)
        field = model._meta.get_field(self.name)
        statement = schema_editor._create_fk_sql(model, field, "_fk_%(to_table)s_%(to_column)s")
        parts = {name: str(part) for name, part in statement.parts.items()}
        return {
            "table": parts["table"],
            "column": parts["column"],
            "target": parts["to_table"],
            "name": parts["name"],
            "add": str(statement),
        }


class AddCheckOnline(migrations.AddConstraint):
    """Add a check constraint without blocking writers while the rows are read."""

    def __init__(self, model_name: str, constraint: models.CheckConstraint) -> None:
        super().__init__(model_name, constraint)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Add the constraint and validate it."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        table = schema_editor.quote_name(model._meta.db_table)
        name = schema_editor.quote_name(self.constraint.name)
        add = str(self.constraint.create_sql(model, schema_editor))
        schema_editor.execute(ADD_MISSING.format(table=table, name=name, add=add), params=None)
        schema_editor.execute(VALIDATE.format(table=table, name=name), params=None)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the constraint if it exists."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        model = from_state.apps.get_model(app_label, self.model_name)
        table = schema_editor.quote_name(model._meta.db_table)
        name = schema_editor.quote_name(self.constraint.name)
        schema_editor.execute(DROP.format(table=table, name=name), params=None)
