"""Indexes that are built and dropped while people write."""

from contextlib import nullcontext

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState
from django_pg_migration_tools.operations import SafeIndexOperationManager

from schema.connection.session import for_gathering
from schema.operations.recording import in_one_transaction, written_as

# An invalid index is what a build that was cut off leaves behind. It answers nothing, so
# dropping it holds its table for an instant only.
DROP_INVALID = """
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_index WHERE indexrelid = to_regclass('{name}') AND NOT indisvalid
    ) THEN
        DROP INDEX {name};
    END IF;
END
$$
"""


class AddIndexOnline(migrations.AddIndex):
    """Add an index; on PostgreSQL concurrently, unless it is all one transaction.

    A valid index of this name is left alone and an invalid one is built again.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Build the index."""
        model = to_state.apps.get_model(app_label, self.model_name)
        build(app_label, schema_editor, from_state, to_state, model, self.index)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the index."""
        model = from_state.apps.get_model(app_label, self.model_name)
        drop(app_label, schema_editor, from_state, to_state, model, self.index)


class AddPostgreSQLIndexOnline(AddIndexOnline):
    """Add an index that only PostgreSQL has and that the model does not name."""

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the model as it is: SQLite rebuilds tables with the indexes named there."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Build the index on PostgreSQL."""
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the index on PostgreSQL."""
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)


class RemovePostgreSQLIndexOnline(AddPostgreSQLIndexOnline):
    """Remove what AddPostgreSQLIndexOnline added, named once more in full."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the index on PostgreSQL."""
        super().database_backwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Build the index on PostgreSQL."""
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        """Say what `migrate --plan` prints."""
        return f"Remove index {self.index.name} from model {self.model_name}"


class RemoveIndexOnline(migrations.RemoveIndex):
    """Remove an index; on PostgreSQL concurrently, unless it is all one transaction."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the index."""
        model = from_state.apps.get_model(app_label, self.model_name)
        index = from_state.models[app_label, self.model_name_lower].get_index_by_name(self.name)
        drop(app_label, schema_editor, from_state, to_state, model, index)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Build the index."""
        model = to_state.apps.get_model(app_label, self.model_name)
        index = to_state.models[app_label, self.model_name_lower].get_index_by_name(self.name)
        build(app_label, schema_editor, from_state, to_state, model, index)


def build(
    app_label: str,
    schema_editor: BaseDatabaseSchemaEditor,
    from_state: ProjectState,
    to_state: ProjectState,
    model: type[models.Model],
    index: models.Index,
) -> None:
    """Build `index`, unless a valid one of its name is there."""
    plain = str(index.create_sql(model, schema_editor))
    if schema_editor.connection.vendor != "postgresql":
        schema_editor.execute(if_not_exists(plain), params=None)
        return
    drop_invalid = DROP_INVALID.format(name=schema_editor.quote_name(index.name))
    online = if_not_exists(str(index.create_sql(model, schema_editor, concurrently=True)))
    if in_one_transaction(schema_editor):
        with written_as(schema_editor, [drop_invalid, online]):
            schema_editor.execute(if_not_exists(plain), params=None)
        return
    schema_editor.execute(drop_invalid, params=None)
    gathers = isinstance(index, GinIndex) and not schema_editor.collect_sql
    with for_gathering(schema_editor.connection) if gathers else nullcontext():
        SafeIndexOperationManager().safer_create_index(
            app_label, schema_editor, from_state, to_state, index, unique=False, model=model
        )


def drop(
    app_label: str,
    schema_editor: BaseDatabaseSchemaEditor,
    from_state: ProjectState,
    to_state: ProjectState,
    model: type[models.Model],
    index: models.Index,
) -> None:
    """Drop `index` if it is there."""
    plain = f"DROP INDEX IF EXISTS {schema_editor.quote_name(index.name)}"
    if schema_editor.connection.vendor != "postgresql":
        schema_editor.execute(plain, params=None)
    elif in_one_transaction(schema_editor):
        online = plain.replace("DROP INDEX", "DROP INDEX CONCURRENTLY")
        with written_as(schema_editor, [online]):
            schema_editor.execute(plain, params=None)
    else:
        SafeIndexOperationManager().safer_drop_index(
            app_label, schema_editor, from_state, to_state, index, model=model
        )


def if_not_exists(create_index: str) -> str:
    """Return the statement so that an index which is there already is no error."""
    head, concurrently, rest = create_index.partition("CONCURRENTLY ")
    if concurrently:
        return f"{head}CONCURRENTLY IF NOT EXISTS {rest}"
    return create_index.replace("INDEX ", "INDEX IF NOT EXISTS ", 1)
