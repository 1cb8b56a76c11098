"""Count what a rollback would lose, before the first change, and offer to set it aside."""

from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from schema.connection.read_only import reads_only
from schema.drift.detector import recorded_step
from schema.drift.scratch import expected_steps
from schema.execution.executor import Plan, RecordingExecutor
from schema.introspection.catalog import Catalog, CatalogError, Column, quoted
from schema.introspection.read import read_catalog
from schema.migrator.confirm import answer_to, at_terminal
from schema.migrator.kept.keeper import Keeper, ObjectName, columns_aside
from schema.models import KeptObject
from schema.report import ExitCode, Report


@dataclass(frozen=True)
class Loss:
    """A table or a column that would be dropped, and how many rows have data in it."""

    table: str
    column: str | None
    rows: int

    def __str__(self) -> str:
        rows = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        if self.column is None:
            return f"table {self.table}: {rows}"
        return f"column {self.table}.{self.column}: {rows} with a value of their own"


def agree_to_losses(
    executor: RecordingExecutor, plan: Plan, report: Report, options: dict[str, Any]
) -> Keeper | None:
    """Report what the rollback would lose, and continue only if somebody confirms it.

    Returns what sets it aside, with --keep or where somebody answers so.

    Raises:
        CommandError: Nobody confirmed it.
    """
    try:
        lost = losses(executor, plan)
    except CatalogError as error:
        if options["keep"]:
            raise CommandError(
                f"What this rollback would lose cannot be determined: {error}\n"
                "Nothing was changed. Roll back without --keep, after a backup."
            ) from error
        lost = []
        text = f"What this rollback loses cannot be determined: {error}"
    else:
        if options["keep"]:
            return _keep(executor, plan, report, lost)
        if not lost:
            return None
        text = "\n".join(["This rollback loses:", *(f"  {loss}" for loss in lost)])
    report.write("losses", text, losses=[vars(loss) for loss in lost])
    if options["accept_data_loss"]:
        return None
    if options["interactive"] and not report.as_json and at_terminal():
        choices = "keep to set it aside, yes to lose it" if lost else "yes to lose it"
        answer = answer_to(f"Type {choices}: ")
        if answer == "yes":
            return None
        if answer == "keep" and lost:
            return _keep(executor, plan, report, lost)
        raise CommandError("Nothing was changed.", returncode=ExitCode.REFUSED)
    shown = "" if not report.quiet else f"\n{text}"
    raise CommandError(
        "The rollback would lose data. Confirmation is required, and no terminal is attached.\n"
        "Nothing was changed. Add --keep to set it aside, so that migrating forwards puts it back,"
        f" or --accept-data-loss to lose it.{shown}",
        returncode=ExitCode.REFUSED,
    )


def _keep(executor: RecordingExecutor, plan: Plan, report: Report, lost: list[Loss]) -> Keeper:
    """Report what is set aside, and return what does it.

    Raises:
        CommandError: There is no table to record it in.
    """
    if KeptObject._meta.db_table not in executor.connection.introspection.table_names():
        raise CommandError(
            "This database has no table to record what is set aside.\n"
            "Nothing was changed. Run `python manage.py migrate schema` first."
        )
    if any(migration.app_label == "schema" for migration, _ in plan):
        raise CommandError(
            "The tables of the app schema record what is set aside, so they cannot be set aside.\n"
            "Nothing was changed. Leave --keep out."
        )
    text = "\n".join(["This rollback sets aside:", *(f"  {loss}" for loss in lost)])
    report.write("kept", text if lost else "", kept=[vars(loss) for loss in lost])
    rows = {(loss.table, loss.column): loss.rows for loss in lost}
    return Keeper(executor.connection, report, losable(executor, plan), rows)


def losses(executor: RecordingExecutor, plan: Plan) -> list[Loss]:
    """Return what the backwards `plan` would lose, without what is empty.

    A migration may name tables in `derived_tables`: it fills them itself, so that nothing is
    lost with them.

    Raises:
        CatalogError: the role may not build the scratch schema this is read from.
    """
    connection = executor.connection
    with reads_only():
        found = read_catalog(connection)
        made = set[ObjectName]().union(*losable(executor, plan).values())
        lost: list[Loss] = []
        for table in found.tables.values():
            if (table.name, None) in made:
                lost.append(Loss(table.name, None, _count(connection, table.name)))
                continue
            lost += [
                Loss(table.name, column.name, _count(connection, table.name, column))
                for column in table.columns.values()
                if (table.name, column.name) in made
            ]
        lost += [
            Loss(kept.table_name, f"{kept.column_name} (set aside)", kept.rows or 0)
            for kept in columns_aside(connection)
            if (kept.table_name, None) in made
        ]
    return [loss for loss in lost if loss.rows]


def dropped_names(executor: RecordingExecutor, plan: Plan) -> set[ObjectName]:
    """Return the tables, as (table, None), and columns that are gone after the backwards `plan`.

    Raises:
        CatalogError: the role may not build the scratch schema this is read from.
    """
    with reads_only():
        made = _made_by(executor, [migration for migration, _ in plan])
    return set[ObjectName]().union(*made.values())


def losable(executor: RecordingExecutor, plan: Plan) -> dict[Migration, set[ObjectName]]:
    """Return the tables, as (table, None), and columns with data that each migration made.

    Raises:
        CatalogError: the role may not build the scratch schema this is read from.
    """
    with reads_only():
        made = _made_by(executor, [migration for migration, _ in plan])
        found = read_catalog(executor.connection)
    tables = {name for migration, _ in plan for name in getattr(migration, "derived_tables", ())}
    computed = {
        (table.name, column.name)
        for table in found.tables.values()
        for column in table.columns.values()
        if column.generated is not None
    }
    return {
        migration: {name for name in names if name[0] not in tables and name not in computed}
        for migration, names in made.items()
    }


def _made_by(
    executor: RecordingExecutor, migrations: list[Migration]
) -> dict[Migration, set[ObjectName]]:
    """Return the tables, as (table, None), and columns that each of the migrations made.

    A trusted migration is built. Of another one the record of its run tells; where there is
    none, its models do.
    """
    whole = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
    going = set(migrations)
    steps = expected_steps(
        executor.connection,
        [migration for migration, _ in whole if migration in going],
        list(executor.loader.applied_migrations),
    )
    made = {step.migration: _names(step.after) - _names(step.before) for step in steps}
    for migration in going - made.keys():
        recorded = recorded_step(executor.connection, migration)
        if recorded is not None:
            made[migration] = _names(recorded.after) - _names(recorded.before)
        else:
            key = (migration.app_label, migration.name)
            after = executor.loader.project_state(key)
            before = executor.loader.project_state(key, False)
            made[migration] = _model_names(after) - _model_names(before)
    return made


def _names(catalog: Catalog) -> set[ObjectName]:
    return {
        (table.name, name) for table in catalog.tables.values() for name in [None, *table.columns]
    }


def _model_names(state: ProjectState) -> set[ObjectName]:
    return {
        (model._meta.db_table, name)
        for model in state.apps.get_models(include_auto_created=True)
        for name in [None, *(field.column for field in model._meta.local_concrete_fields)]
    }


def _count(connection: BaseDatabaseWrapper, table: str, column: Column | None = None) -> int:
    """Count the rows of a table, or those with a value that is not the column's default."""
    condition = ""
    if column is not None:
        name = quoted(column.name)
        condition = f" WHERE {name} IS NOT NULL"
        if column.default is not None and "(" not in column.default:
            unlike = "IS DISTINCT FROM" if connection.vendor == "postgresql" else "IS NOT"
            condition += f" AND {name} {unlike} {column.default}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {quoted(table)}{condition}")  # noqa: S608 - names are quoted
        return int(cursor.fetchone()[0])
