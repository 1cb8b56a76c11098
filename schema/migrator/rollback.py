"""What a rollback would lose, counted before anything is changed."""

import sys
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration

from schema.drift.expected import expected_steps
from schema.execution.executor import Plan, RecordingExecutor
from schema.introspection.catalog import Catalog, CatalogError, Column, quoted
from schema.migrator.recovery import object_names
from schema.report import ExitCode, Report


@dataclass(frozen=True)
class Loss:
    """A table or a column that would go, and how many rows hold data in it."""

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
        text = f"What this rollback loses cannot be told: {error}"
    else:
        if not lost:
            return
    report.write("losses", text, losses=[vars(loss) for loss in lost])
    if options["accept_data_loss"]:
        return
    if options["interactive"] and not report.as_json and at_terminal():
        if _answer("Type yes to lose it: ") == "yes":
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


def _answer(question: str) -> str:
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
    before, after = _both_sides(executor, [migration for migration, _ in plan])
    derived = {name for step, _ in plan for name in getattr(step, "derived_tables", ())}
    names = object_names(executor.connection) - derived
    found: list[Loss] = []
    for table in before.tables.values():
        if table.name not in names:
            continue
        kept = after.tables.get(table.name)
        if kept is None:
            found.append(Loss(table.name, None, _count(executor.connection, table.name)))
            continue
        found += [
            Loss(table.name, column.name, _count(executor.connection, table.name, column))
            for column in table.columns.values()
            if column.name not in kept.columns
            and column.generated is None  # made from the other columns
            and f"{table.name}.{column.name}" in names
        ]
    return [loss for loss in found if loss.rows]


def _both_sides(
    executor: RecordingExecutor, migrations: list[Migration]
) -> tuple[Catalog, Catalog]:
    """Return the schema that is expected now, and after the rollback of `migrations`."""
    whole = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
    going = set(migrations)
    steps = expected_steps(
        executor.connection,
        [migration for migration, _ in whole if migration in going],
        list(executor.loader.applied_migrations),
    )
    return steps[-1].after, steps[0].before


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
