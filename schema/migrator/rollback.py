"""Count what a rollback would lose, before the first change."""

import sys
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from schema.connection.read_only import reads_only
from schema.drift.migration_state import recorded_step
from schema.drift.scratch import expected_steps
from schema.execution.executor import Plan, RecordingExecutor
from schema.introspection.catalog import Catalog, CatalogError, Column, quoted
from schema.introspection.read import read_catalog
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
) -> None:
    """Report what the rollback would lose, and continue only if somebody confirms it.

    Raises:
        CommandError: Nobody did.
    """
    try:
        lost = losses(executor, plan)
        text = "\n".join(["This rollback loses:", *(f"  {loss}" for loss in lost)])
    except CatalogError as error:
        lost = []
        text = f"What this rollback loses cannot be determined: {error}"
    else:
        if not lost:
            return
    report.write("losses", text, losses=[vars(loss) for loss in lost])
    if options["accept_data_loss"]:
        return
    if options["interactive"] and not report.as_json and at_terminal():
        if answer_to("Type yes to lose it: ") == "yes":
            return
        raise CommandError("Nothing was changed.", returncode=ExitCode.REFUSED)
    shown = "" if not report.quiet else f"\n{text}"
    raise CommandError(
        "The rollback would lose data. Confirmation is required, and no terminal is attached.\n"
        f"Nothing was changed. Add --accept-data-loss to confirm it.{shown}",
        returncode=ExitCode.REFUSED,
    )


def at_terminal() -> bool:
    """Return whether somebody can answer a question."""
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # closed
        return False


def answer_to(question: str) -> str:
    """Return what somebody types."""
    try:
        return input(question).strip().lower()
    except EOFError:
        return ""


def losses(executor: RecordingExecutor, plan: Plan) -> list[Loss]:
    """Return what the backwards `plan` would lose, without what is empty.

    A migration may name tables in `derived_tables`: it fills them itself, so that nothing is
    lost with them.

    Raises:
        CatalogError: the role may not build the scratch schema this is read from.
    """
    connection = executor.connection
    derived = {name for migration, _ in plan for name in getattr(migration, "derived_tables", ())}
    with reads_only():
        found = read_catalog(connection)
        made = _made_by(executor, [migration for migration, _ in plan])
        lost: list[Loss] = []
        for table in found.tables.values():
            if table.name in derived:
                continue
            if (table.name, None) in made:
                lost.append(Loss(table.name, None, _count(connection, table.name)))
                continue
            lost += [
                Loss(table.name, column.name, _count(connection, table.name, column))
                for column in table.columns.values()
                if (table.name, column.name) in made
                and column.generated is None  # computed from the other columns
            ]
    return [loss for loss in lost if loss.rows]


def dropped_names(executor: RecordingExecutor, plan: Plan) -> set[tuple[str, str | None]]:
    """Return the tables, as (table, None), and columns that are gone after the backwards `plan`.

    Raises:
        CatalogError: the role may not build the scratch schema this is read from.
    """
    with reads_only():
        return _made_by(executor, [migration for migration, _ in plan])


def _made_by(
    executor: RecordingExecutor, migrations: list[Migration]
) -> set[tuple[str, str | None]]:
    """Return the tables, as (table, None), and columns that the migrations made.

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
    made: set[tuple[str, str | None]] = set()
    if steps:
        made |= _names(steps[-1].after) - _names(steps[0].before)
    for migration in going - {step.migration for step in steps}:
        recorded = recorded_step(executor.connection, migration)
        if recorded is not None:
            made |= _names(recorded.after) - _names(recorded.before)
        else:
            key = (migration.app_label, migration.name)
            after = executor.loader.project_state(key)
            made |= _model_names(after) - _model_names(executor.loader.project_state(key, False))
    return made


def _names(catalog: Catalog) -> set[tuple[str, str | None]]:
    return {
        (table.name, name) for table in catalog.tables.values() for name in [None, *table.columns]
    }


def _model_names(state: ProjectState) -> set[tuple[str, str | None]]:
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
