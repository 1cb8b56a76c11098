"""What of a migration's work is in a database already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from schema.drift.compare import ORDER, Finding, find
from schema.drift.migration_state import MigrationState
from schema.drift.scratch import Step
from schema.introspection.catalog import Catalog, Column, SchemaObject, Table


@dataclass(frozen=True)
class MatchedStep:
    """A step, and what keeps it from being complete."""

    step: Step
    state: MigrationState
    findings: list[Finding] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        """Return the migration's app label and name."""
        return self.step.migration.app_label, self.step.migration.name

    def lacking(self) -> list[str]:
        """Return in words what is to be made or mended, most important first."""
        told = sorted(self.findings, key=lambda one: one.kind in {"function", "trigger"})
        return [finding.difference([]).object for finding in told]


def match_step(step: Step, found: Catalog) -> MatchedStep:
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
    if not any(object_exists(table, thing, found) for table, thing in _markers(step, own)):
        return MatchedStep(step, MigrationState.ABSENT, findings)
    return MatchedStep(step, MigrationState.PARTIAL, findings)


def objects_of(step: Step) -> Iterator[tuple[str | None, SchemaObject]]:
    """Yield everything the step adds or changes, with the table it hangs on."""
    for signature, function in step.after.functions.items():
        if step.before.functions.get(signature) != function:
            yield None, function
    for name, table in step.after.tables.items():
        if name not in step.before.tables:
            yield name, table
        for thing in _hanging_on(table):
            if _of(step.before, name, thing) != thing:
                yield name, thing


def object_exists(table: str | None, thing: SchemaObject, found: Catalog) -> bool:
    """Whether a thing of this name is there, right or not."""
    return _of(found, table, thing) is not None


def _markers(
    step: Step, own: list[tuple[str | None, SchemaObject]]
) -> list[tuple[str | None, SchemaObject]]:
    """Return what shows that a step was begun: its tables; else its columns; else anything."""
    tables = [pair for pair in own if isinstance(pair[1], Table)]
    columns = [
        pair for pair in own if isinstance(pair[1], Column) and pair[0] in step.before.tables
    ]
    return tables or columns or own


def _hanging_on(table: Table) -> Iterator[SchemaObject]:
    yield from table.columns.values()
    yield from table.constraints
    yield from table.indexes.values()
    yield from table.triggers.values()


def _of(catalog: Catalog, table: str | None, thing: SchemaObject) -> SchemaObject | None:
    """Return what is in the place of `thing` in `catalog`."""
    if table is None:
        return catalog.functions.get(getattr(thing, "signature", ""))
    there = catalog.tables.get(table)
    if there is None or isinstance(thing, Table):
        return there
    name = getattr(thing, "name", "")
    match type(thing).__name__:
        case "Column":
            return there.columns.get(name)
        case "Constraint":
            return there.constraint(name)
        case "Index":
            return there.indexes.get(name)
        case _:
            return there.triggers.get(name)


def column_before(matched: MatchedStep, table: str, column: str) -> Column | None:
    """Return a column as it was before the step."""
    before = matched.step.before.tables.get(table)
    return before.columns.get(column) if before else None
