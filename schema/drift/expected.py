"""What the migrations make, found out by running them where nothing is at stake.

PostgreSQL: in a schema of its own within a transaction that is rolled back. SQLite: in
memory. Neither reads nor locks a live table.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from uuid import uuid4

from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from schema.connection.session import lift_time_limits_here
from schema.introspection.canonical import CanonicalForms
from schema.introspection.catalog import Catalog, CatalogError
from schema.models import MigrationKey

INSUFFICIENT_PRIVILEGE = "42501"


class Step(NamedTuple):
    """One migration, and the schema on both sides of it."""

    migration: Migration
    before: Catalog
    after: Catalog


def expected_catalog(connection: BaseDatabaseWrapper, applied: Collection[MigrationKey]) -> Catalog:
    """Return the catalog that the `applied` migrations make, `django_migrations` included.

    Raises:
        CatalogError: the role may not create a schema.
    """
    with scratch(connection) as empty:
        _build(empty, _in_order(connection, applied))
        return CanonicalForms(empty).read()


def expected_steps(
    connection: BaseDatabaseWrapper,
    plan: Sequence[Migration],
    applied: Collection[MigrationKey] = (),
) -> list[Step]:
    """Return the schema before and after each migration of `plan`, from one build.

    `applied` are built first; the plan goes forwards from there.

    Raises:
        CatalogError: the role may not create a schema.
    """
    planned = {(migration.app_label, migration.name) for migration in plan}
    with scratch(connection) as empty:
        state = _build(empty, _in_order(connection, set(applied) - planned))
        forms = CanonicalForms(empty)
        before = forms.read()
        steps: list[Step] = []
        for migration in plan:
            state = _apply(empty, migration, state)
            after = forms.read()
            steps.append(Step(migration, before, after))
            before = after
        return steps


@contextmanager
def scratch(connection: BaseDatabaseWrapper) -> Iterator[BaseDatabaseWrapper]:
    """Give a connection to a place like `connection`'s database, empty, and clear it away.

    The migrations of other apps look the connection up by its alias, so it has one.
    """
    alias = f"scratch_{uuid4().hex}"
    copy = connection.copy(alias=alias)
    if connection.vendor == "sqlite":
        copy.settings_dict["NAME"] = ":memory:"
    connections[alias] = copy
    try:
        if connection.vendor == "sqlite":
            yield copy
        else:
            with transaction.atomic(using=alias):
                _enter_new_schema(copy)
                yield copy
                transaction.set_rollback(True, using=alias)
    finally:
        # Django's own close() spares databases in memory.
        BaseDatabaseWrapper.close(copy)
        del connections[alias]


def _enter_new_schema(connection: BaseDatabaseWrapper) -> None:
    name = connection.alias
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"CREATE SCHEMA {name}")
        except DatabaseError as error:
            if getattr(error.__cause__, "sqlstate", None) != INSUFFICIENT_PRIVILEGE:
                raise
            role, database = connection.settings_dict["USER"], connection.settings_dict["NAME"]
            raise CatalogError(
                "The role may not create the scratch schema that the database is compared "
                f'with. Run as its owner: GRANT CREATE ON DATABASE "{database}" TO "{role}";'
            ) from error
        cursor.execute("SELECT set_config('search_path', %s, true)", [name])
    lift_time_limits_here(connection)


def _in_order(
    connection: BaseDatabaseWrapper, applied: Collection[MigrationKey]
) -> list[Migration]:
    """Return the `applied` migrations whose files are here, in the order to apply them.

    Those of this app come first: batched steps record their progress in its tables.
    """
    loader = MigrationLoader(connection)
    graph = loader.graph
    ordered: dict[MigrationKey, None] = {}
    for leaf in sorted(graph.leaf_nodes(), key=lambda leaf: leaf[0] != "schema"):
        ordered |= dict.fromkeys(graph.forwards_plan(leaf))
    return [graph.nodes[key] for key in ordered if key in applied]


def _build(connection: BaseDatabaseWrapper, migrations: Sequence[Migration]) -> ProjectState:
    MigrationRecorder(connection).ensure_schema()
    state = ProjectState()
    for migration in migrations:
        state = _apply(connection, migration, state)
    return state


def _apply(
    connection: BaseDatabaseWrapper, migration: Migration, state: ProjectState
) -> ProjectState:
    with connection.schema_editor(atomic=migration.atomic) as editor:
        state = migration.apply(state, editor)
    if connection.vendor == "postgresql":
        # Live, each migration commits. Deferred checks of rows that one wrote would keep
        # the next from altering their table.
        connection.check_constraints()
    return state
