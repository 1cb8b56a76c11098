"""Find interrupted runs at the start of a run, and resume them."""

from collections.abc import Iterable

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.state import StateApps

from schema.drift.migration_state import MigrationState
from schema.execution.executor import Plan, RecordingExecutor
from schema.history.runs import Direction, History, Outcome, PastRun
from schema.introspection.catalog import quoted
from schema.models import MigrationKey

DONE = {Outcome.SUCCEEDED, Outcome.ADOPTED}

POSTGRESQL_NAMES = """
    SELECT relname FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace
    UNION ALL
    SELECT relname || '.' || attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = quote_ident(current_schema())::regnamespace
      AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT conname FROM pg_constraint
    WHERE connamespace = quote_ident(current_schema())::regnamespace
"""
SQLITE_NAMES = """
    SELECT name FROM sqlite_master
    UNION ALL
    SELECT master.name || '.' || info.name
    FROM sqlite_master AS master, pragma_table_xinfo(master.name) AS info
    WHERE master.type = 'table'
"""


def recover_runs(
    history: History, past: Iterable[PastRun], applied: Iterable[MigrationKey]
) -> list[PastRun]:
    """Write how the runs ended whose processes died; return those.

    Call it under the lock, so that no other run is in progress. The record in
    `django_migrations` tells whether the transaction of an atomic migration was committed.
    """
    recorded = set(applied)
    died = [run for run in past if run.outcome == Outcome.RUNNING]
    for run in died:
        finished = ((run.app, run.name) in recorded) == (run.direction == Direction.FORWARDS)
        history.set_outcome(run, Outcome.SUCCEEDED if finished else Outcome.INTERRUPTED)
    return died


def unfinished(executor: RecordingExecutor, past: Iterable[PastRun]) -> list[tuple[Migration, str]]:
    """Return the non-atomic migrations whose last run did not come to its end, and its way.

    Atomic ones leave nothing half-done, and a run that reached its record was done.
    """
    last = {(run.app, run.name): run for run in past}
    recorded = executor.loader.applied_migrations
    found = []
    for key, run in last.items():
        migration = executor.loader.graph.nodes.get(key)
        forwards = run.direction == Direction.FORWARDS
        if migration is None or migration.atomic or (key in recorded) == forwards:
            continue
        if run.outcome not in DONE:
            found.append((migration, run.direction))
    return found


def resume(executor: RecordingExecutor, migration: Migration, direction: str, plan: Plan) -> bool:
    """Correct the record of a half-done migration so that a new plan takes it up again.

    Its operations can be repeated. On the way forwards again, one half taken back counts as
    not applied; on the way back from what it depends on, one half applied counts as applied.
    Returns whether the record was changed.

    Django's own AddIndexConcurrently cannot be repeated, so the index that an interrupted build
    left behind is dropped.
    """
    key = (migration.app_label, migration.name)
    going_back = bool(plan and plan[0][1])
    if direction == Direction.BACKWARDS and not going_back:
        executor.record_as_unapplied(migration)
        executor.loader.applied_migrations.pop(key)
        return True
    needed = set(executor.loader.graph.forwards_plan(key))
    if direction == Direction.FORWARDS and going_back:
        if not any((one.app_label, one.name) in needed for one, _ in plan):
            return False
        executor.record_as_applied(migration)
        executor.loader.applied_migrations[key] = migration
        return True
    if (migration, False) in plan and executor.connection.vendor == "postgresql":
        _drop_concurrent_indexes(executor, migration)
    return False


def _drop_concurrent_indexes(executor: RecordingExecutor, migration: Migration) -> None:
    """Drop the indexes that the interrupted run of a migration has built or begun to build."""
    from django.contrib.postgres.operations import AddIndexConcurrently

    adds = [one for one in migration.operations if isinstance(one, AddIndexConcurrently)]
    if not adds:
        return
    apps = executor.loader.project_state((migration.app_label, migration.name)).apps
    with executor.connection.cursor() as cursor:
        for operation in adds:
            table = apps.get_model(migration.app_label, operation.model_name)._meta.db_table
            name = quoted(operation.index.name)
            cursor.execute(
                "SELECT FROM pg_index WHERE indexrelid = to_regclass(%s)"
                " AND indrelid = to_regclass(%s)",
                [name, quoted(table)],
            )
            if cursor.fetchone() is not None:
                cursor.execute(f"DROP INDEX CONCURRENTLY {name}")


def object_names(connection: BaseDatabaseWrapper) -> set[str]:
    """Return the names of all relations, columns ("table.column") and constraints."""
    with connection.cursor() as cursor:
        cursor.execute(POSTGRESQL_NAMES if connection.vendor == "postgresql" else SQLITE_NAMES)
        return {row[0] for row in cursor.fetchall()}


def missing_names(connection: BaseDatabaseWrapper, apps: StateApps) -> list[str]:
    """Return the tables, columns, indexes and constraints of `apps` that are not there.

    One query and a comparison of names: cheap enough for every run, and enough to notice
    a rollback that another tool made and did not record.
    """
    names = object_names(connection)
    expected: list[str] = []
    for model in apps.get_models(include_auto_created=True):
        options = model._meta
        if not options.can_migrate(connection):
            continue
        expected.append(options.db_table)
        expected += [
            f"{options.db_table}.{field.column}" for field in options.local_fields if field.column
        ]
        expected += [index.name for index in options.indexes]
        if connection.vendor == "postgresql":  # SQLite keeps constraints without an index
            expected += [constraint.name for constraint in options.constraints]
    return [name for name in expected if name not in names]


def unrecorded_rollbacks(executor: RecordingExecutor) -> list[Migration]:
    """Return the applied migrations, last first, that the schema shows nothing of.

    Only from the last ones on: an earlier one that is missing below others is drift.
    """
    from schema.drift.detector import StateDetector

    whole = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
    applied = executor.loader.applied_migrations
    plan = [one for one, _ in whole if (one.app_label, one.name) in applied]
    states = StateDetector(executor.connection, plan, []).states(plan)
    gone: list[Migration] = []
    for migration in reversed(plan):
        key = (migration.app_label, migration.name)
        dependents = {
            other for other in executor.loader.graph.backwards_plan(key) if other in applied
        } - {key}
        known_gone = {(one.app_label, one.name) for one in gone}
        if states.get(migration) is MigrationState.ABSENT and dependents <= known_gone:
            gone.append(migration)
    return gone
