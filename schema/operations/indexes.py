"""Build and drop indexes while other sessions write."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar

from django.contrib.postgres.indexes import GinIndex
from django.db import Error, migrations, models, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from schema.connection.errors import LOCK_NOT_AVAILABLE, sqlstate
from schema.connection.retry import GaveUpError, milliseconds, retry_policy
from schema.connection.session import gin_build_memory, session_settings
from schema.operations.recording import in_one_transaction, written_as

# An interrupted build leaves an invalid index behind. No query uses it, so dropping it locks the
# table for an instant only.
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


superseded: ContextVar[frozenset[str]] = ContextVar("superseded", default=frozenset())
"""The indexes that a later migration of the same run drops: to build them would be in vain."""


@contextmanager
def not_built(names: frozenset[str]) -> Iterator[None]:
    """Let operations leave out the indexes of these names in the block."""
    token = superseded.set(names)
    try:
        yield
    finally:
        superseded.reset(token)


class AddIndexOnline(migrations.AddIndex):
    """Add an index; on PostgreSQL concurrently, unless a transaction is open.

    A valid index of this name is kept and an invalid one is built again.
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
        build(schema_editor, model, self.index)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the index."""
        model = from_state.apps.get_model(app_label, self.model_name)
        drop(schema_editor, model, self.index)


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
    """Remove an index that AddPostgreSQLIndexOnline added; it is given in full again."""

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
        """Return the line of `migrate --plan`."""
        return f"Remove index {self.index.name} from model {self.model_name}"


class RemoveIndexOnline(migrations.RemoveIndex):
    """Remove an index; on PostgreSQL concurrently, unless a transaction is open."""

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
        drop(schema_editor, model, index)

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
        build(schema_editor, model, index)


def build(
    schema_editor: BaseDatabaseSchemaEditor, model: type[models.Model], index: models.Index
) -> None:
    """Build `index`, unless a valid one of its name exists or a later migration drops it."""
    connection = schema_editor.connection
    if not may_migrate(connection, model):
        return
    if index.name in superseded.get() and not in_one_transaction(schema_editor):
        return
    plain = if_not_exists(str(index.create_sql(model, schema_editor)))
    if connection.vendor != "postgresql":
        schema_editor.execute(plain, params=None)
        return
    drop_invalid = DROP_INVALID.format(name=schema_editor.quote_name(index.name))
    online = if_not_exists(str(index.create_sql(model, schema_editor, concurrently=True)))
    if in_one_transaction(schema_editor):
        with written_as(schema_editor, [drop_invalid, online]):
            schema_editor.execute(plain, params=None)
        return
    schema_editor.execute(drop_invalid, params=None)
    if schema_editor.collect_sql:
        schema_editor.execute(online, params=None)
        return
    gathers = isinstance(index, GinIndex)
    try:
        with gin_build_memory(connection) if gathers else nullcontext():
            execute_concurrently(schema_editor, online)
    except GaveUpError:
        # An invalid index costs every write something and helps no query. If it cannot be
        # dropped now either, the next run drops it.
        with suppress(Error), session_settings(connection, {"lock_timeout": "1s"}):
            schema_editor.execute(drop_invalid, params=None)
        raise


def drop(
    schema_editor: BaseDatabaseSchemaEditor, model: type[models.Model], index: models.Index
) -> None:
    """Drop `index` if it exists."""
    connection = schema_editor.connection
    if not may_migrate(connection, model):
        return
    plain = f"DROP INDEX IF EXISTS {schema_editor.quote_name(index.name)}"
    online = plain.replace("DROP INDEX", "DROP INDEX CONCURRENTLY")
    if connection.vendor != "postgresql":
        schema_editor.execute(plain, params=None)
    elif in_one_transaction(schema_editor):
        with written_as(schema_editor, [online]):
            schema_editor.execute(plain, params=None)
    elif schema_editor.collect_sql:
        schema_editor.execute(online, params=None)
    else:
        execute_concurrently(schema_editor, online)


def execute_concurrently(schema_editor: BaseDatabaseSchemaEditor, statement: str) -> None:
    """Execute a CONCURRENTLY statement, which waits for the transactions of other sessions.

    It keeps nobody from reading or writing while it waits, so it may wait as long as the run's
    patience lasts.

    Raises:
        GaveUpError: A transaction was open for longer.
    """
    limit = {"lock_timeout": milliseconds(retry_policy.get().patience)}
    try:
        with session_settings(schema_editor.connection, limit):
            schema_editor.execute(statement, params=None)
    except Error as error:
        if sqlstate(error) == LOCK_NOT_AVAILABLE:
            raise GaveUpError(str(error)) from error
        raise


def may_migrate(connection: BaseDatabaseWrapper, model: type[models.Model]) -> bool:
    """Return whether the project's database routers want the model in this database."""
    return model._meta.can_migrate(connection) and router.allow_migrate_model(
        connection.alias, model
    )


def if_not_exists(create_index: str) -> str:
    """Return the statement with IF NOT EXISTS."""
    head, concurrently, rest = create_index.partition("CONCURRENTLY ")
    if concurrently:
        return f"{head}CONCURRENTLY IF NOT EXISTS {rest}"
    return create_index.replace("INDEX ", "INDEX IF NOT EXISTS ", 1)


def superseded_indexes(operations: Iterable[Operation]) -> frozenset[str]:
    """Return the indexes that one of the `operations` builds and a later one drops.

    Not those that are built again after that.
    """
    built, dropped = Counter[str](), set[str]()
    for operation in operations:
        if name := dropped_index(operation):
            dropped |= {name} & built.keys()
        elif isinstance(operation, AddIndexOnline):
            built[operation.index.name] += 1
    return frozenset(name for name in dropped if built[name] == 1)


def dropped_index(operation: Operation) -> str:
    """Return the name of the index that the operation drops online, if it does."""
    if isinstance(operation, RemovePostgreSQLIndexOnline):
        return str(operation.index.name)
    return str(operation.name) if isinstance(operation, RemoveIndexOnline) else ""
