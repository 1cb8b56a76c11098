"""Find out how much of a migration's work a database has already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from schema.drift.compare import ORDER, Finding, find
from schema.drift.migration_state import MigrationState
from schema.drift.scratch import MigrationEffect
from schema.introspection.catalog import Catalog, Column, SchemaObject, Table


@dataclass(frozen=True)
class MatchedStep:
    """A step, with what differs from it."""

    step: MigrationEffect
    state: MigrationState
    findings: list[Finding] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        """Return the migration's app label and name."""
        return self.step.migration.app_label, self.step.migration.name

    def lacking(self) -> list[str]:
        """Return in words what is to be created or repaired, most important first."""
        ordered = sorted(self.findings, key=lambda one: one.kind in {"function", "trigger"})
        return [finding.difference([]).object for finding in ordered]


def match_step(step: MigrationEffect, found: Catalog) -> MatchedStep:
    """Return how much of what `step` adds or changes is in `found`."""
    own = list(objects_of(step))
    if not own:
        return MatchedStep(step, MigrationState.DATA_ONLY)
    findings = [
        finding
        for finding in find(step.after, found)
        if _of(step.before, finding.table, finding.expected) != finding.expected
    ]
    if not findings:
        return MatchedStep(step, MigrationState.APPLIED)
    findings.sort(key=lambda one: (ORDER.index(one.kind), one.found is not None))
    if not any(object_exists(table, wanted, found) for table, wanted in _markers(step, own)):
        return MatchedStep(step, MigrationState.ABSENT, findings)
    return MatchedStep(step, MigrationState.PARTIAL, findings)


def objects_of(step: MigrationEffect) -> Iterator[tuple[str | None, SchemaObject]]:
    """Yield every object that the step adds or changes, with its table."""
    for signature, function in step.after.functions.items():
        if step.before.functions.get(signature) != function:
            yield None, function
    for name, table in step.after.tables.items():
        if name not in step.before.tables:
            yield name, table
        for wanted in _parts_of(table):
            if _of(step.before, name, wanted) != wanted:
                yield name, wanted


def object_exists(table: str | None, wanted: SchemaObject, found: Catalog) -> bool:
    """Return whether an object of this name exists, whatever its definition."""
    return _of(found, table, wanted) is not None


def _markers(
    step: MigrationEffect, own: list[tuple[str | None, SchemaObject]]
) -> list[tuple[str | None, SchemaObject]]:
    """Return what shows that a step was begun: its tables; else its columns; else any object."""
    tables = [pair for pair in own if isinstance(pair[1], Table)]
    columns = [
        pair for pair in own if isinstance(pair[1], Column) and pair[0] in step.before.tables
    ]
    return tables or columns or own


def _parts_of(table: Table) -> Iterator[SchemaObject]:
    yield from table.columns.values()
    yield from table.constraints
    yield from table.indexes.values()
    yield from table.triggers.values()


def _of(catalog: Catalog, table: str | None, wanted: SchemaObject) -> SchemaObject | None:
    """Return what `catalog` has in the place of `wanted`."""
    if table is None:
        return catalog.functions.get(getattr(wanted, "signature", ""))
    actual = catalog.tables.get(table)
    if actual is None or isinstance(wanted, Table):
        return actual
    name = getattr(wanted, "name", "")
    match type(wanted).__name__:
        case "Column":
            return actual.columns.get(name)
        case "Constraint":
            return actual.constraint(name)
        case "Index":
            return actual.indexes.get(name)
        case _:
            return actual.triggers.get(name)


def column_before(matched: MatchedStep, table: str, column: str) -> Column | None:
    """Return a column as it was before the step."""
    before = matched.step.before.tables.get(table)
    return before.columns.get(column) if before else None
