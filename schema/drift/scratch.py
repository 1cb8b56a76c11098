"""Run trusted migrations where nothing is at stake, to find out what they make.

On PostgreSQL they run in a schema of their own, in a transaction that is rolled back; on SQLite,
in memory. No live table is read or locked. Only migrations that `trusted` accepts get here, and
no Python of theirs is called.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from schema.connection.errors import sqlstate
from schema.connection.separate import separate_connection
from schema.connection.session import lift_time_limits_here
from schema.drift.trusted import buildable, without_code
from schema.history.status import in_order
from schema.introspection.canonical import CanonicalForms
from schema.introspection.catalog import Catalog, CatalogError, quoted
from schema.models import MigrationKey

INSUFFICIENT_PRIVILEGE = "42501"

# While a session plays the replica, only those that are enabled always or for replicas fire.
EVENT_TRIGGERS = """
    SELECT evtname, evtenabled IN ('A', 'R') FROM pg_event_trigger
    WHERE evtenabled <> 'D' AND evtevent <> 'login' ORDER BY evtname
"""


class MigrationEffect(NamedTuple):
    """One migration, and the schema on both sides of it."""

    migration: Migration
    before: Catalog
    after: Catalog


def built_catalog(connection: BaseDatabaseWrapper, applied: Collection[MigrationKey]) -> Catalog:
    """Return what the trusted ones of the `applied` migrations make, and `django_migrations`.

    Raises:
        CatalogError: the role may not create a schema, or an event trigger would fire.
    """
    with scratch(connection) as empty:
        _build(empty, _trusted_in_order(connection, applied))
        return CanonicalForms(empty).read()


def expected_steps(
    connection: BaseDatabaseWrapper,
    plan: Sequence[Migration],
    applied: Collection[MigrationKey] = (),
    *,
    fire_event_triggers: bool = False,
) -> list[MigrationEffect]:
    """Return the schema before and after each trusted migration of `plan`, from one build.

    The trusted ones of `applied` are built first; the plan goes forwards from there.

    Raises:
        CatalogError: the role may not create a schema, or an event trigger would fire.
    """
    planned = [(migration.app_label, migration.name) for migration in plan]
    trusted = buildable(MigrationLoader(connection).graph)
    return build_steps(
        connection,
        [one for one, key in zip(plan, planned, strict=True) if key in trusted],
        set(applied) - set(planned),
        fire_event_triggers=fire_event_triggers,
    )


def build_steps(
    connection: BaseDatabaseWrapper,
    plan: Sequence[Migration],
    applied: Collection[MigrationKey],
    *,
    fire_event_triggers: bool = False,
) -> list[MigrationEffect]:
    """Return the schema before and after each migration of `plan`, all of which is trusted."""
    with scratch(connection, fire_event_triggers=fire_event_triggers) as empty:
        state = _build(empty, _trusted_in_order(connection, applied))
        forms = CanonicalForms(empty)
        before = forms.read()
        steps: list[MigrationEffect] = []
        for migration in plan:
            state = _apply(empty, migration, state)
            after = forms.read()
            steps.append(MigrationEffect(migration, before, after))
            before = after
        return steps


@contextmanager
def scratch(
    connection: BaseDatabaseWrapper,
    *,
    fire_event_triggers: bool = False,
    search_path: Sequence[str] = (),
) -> Iterator[BaseDatabaseWrapper]:
    """Give a connection to an empty place like `connection`'s database, and clear it away.

    Args:
        connection: The live connection; it is not used.
        fire_event_triggers: Whether the owner's event triggers may fire. What they do is
            rolled back, as far as PostgreSQL rolls anything back.
        search_path: Schemas in which names are looked up after the scratch schema.

    Raises:
        CatalogError: the role may not create a schema, or an event trigger would fire.
    """
    with separate_connection(connection, "scratch") as copy:
        if connection.vendor == "sqlite":
            yield copy
            return
        with transaction.atomic(using=copy.alias):
            if not fire_event_triggers:
                silence_event_triggers(copy)
            _enter_new_schema(copy, search_path)
            yield copy
            transaction.set_rollback(True, using=copy.alias)


def silence_event_triggers(connection: BaseDatabaseWrapper) -> None:
    """Keep the owner's event triggers from firing in this transaction.

    Raises:
        CatalogError: the role may not, or a trigger is enabled always.
    """
    with connection.cursor() as cursor:
        cursor.execute(EVENT_TRIGGERS)
        triggers = cursor.fetchall()
        if not triggers:
            return
        try:
            with transaction.atomic(using=connection.alias):
                cursor.execute("SET LOCAL session_replication_role = replica")
        except DatabaseError as error:
            if sqlstate(error) != INSUFFICIENT_PRIVILEGE:
                raise
            firing = [name for name, _ in triggers]
        else:
            firing = [name for name, always in triggers if always]
    if firing:
        raise CatalogError(
            f"The event trigger {', '.join(map(quoted, firing))} would fire in the scratch schema"
            " that the database is compared with. Run this as a superuser, or disable the trigger"
            " meanwhile."
        )


def _enter_new_schema(connection: BaseDatabaseWrapper, search_path: Sequence[str]) -> None:
    name = connection.alias
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"CREATE SCHEMA {name}")
        except DatabaseError as error:
            if sqlstate(error) != INSUFFICIENT_PRIVILEGE:
                raise
            role, database = connection.settings_dict["USER"], connection.settings_dict["NAME"]
            raise CatalogError(
                "The role may not create the scratch schema that the database is compared "
                f'with. Run as its owner: GRANT CREATE ON DATABASE "{database}" TO "{role}";'
            ) from error
        path = ", ".join([name, *map(quoted, search_path)])
        cursor.execute("SELECT set_config('search_path', %s, true)", [path])
    lift_time_limits_here(connection)


def _trusted_in_order(
    connection: BaseDatabaseWrapper, applied: Collection[MigrationKey]
) -> list[Migration]:
    """Return the trusted ones of the `applied` migrations, in the order to apply them."""
    graph = MigrationLoader(connection).graph
    trusted = buildable(graph)
    return [graph.nodes[key] for key in in_order(graph) if key in applied and key in trusted]


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
        state = without_code(migration).apply(state, editor)
    if connection.vendor == "postgresql":
        # Live, each migration commits. Deferred checks of rows that one wrote would keep
        # the next from altering their table.
        connection.check_constraints()
    return state
