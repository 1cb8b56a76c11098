"""Generate the SQL that repairs a PostgreSQL schema."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter

from schema.drift.compare import Difference, Finding
from schema.drift.repair_columns import ColumnRepairer, Views
from schema.introspection.catalog import (
    Catalog,
    Column,
    Constraint,
    Function,
    Index,
    Table,
    Trigger,
    quoted,
)

KEY = re.compile(
    r"(?P<kind>UNIQUE|PRIMARY KEY)(?P<nulls> NULLS NOT DISTINCT)?"
    r" (?P<columns>\([^()]*\)(?: INCLUDE \([^()]*\))?)(?P<rest>.*)"
)


def with_repairs(
    findings: list[Finding],
    expected: Catalog,
    found: Catalog,
    *,
    online: bool,
    views: Views = lambda _: [],
) -> list[Difference]:
    """Return the findings with their repairs, missing tables in the order of their references."""
    repairer = _Repairer(expected, found, online, views)
    missing = [one for one in findings if one.kind == "table" and one.found is None]
    in_order = iter(_by_reference(missing, expected))
    return [
        finding.difference(repairer.repair(finding))
        for finding in (next(in_order) if one in missing else one for one in findings)
    ]


def _by_reference(findings: list[Finding], expected: Catalog) -> list[Finding]:
    by_table = {str(finding.table): finding for finding in findings}
    references = {
        name: {
            constraint.target
            for constraint in expected.tables[name].constraints
            if constraint.target in by_table and constraint.target != name
        }
        for name in by_table
    }
    try:
        return [by_table[str(name)] for name in TopologicalSorter(references).static_order()]
    except CycleError:  # tables that refer to each other: as they were made
        return findings


class _Repairer:
    def __init__(self, expected: Catalog, found: Catalog, online: bool, views: Views) -> None:
        self.expected = expected
        self.found = found
        self.online = online
        self.columns = ColumnRepairer(online, views)
        self.concurrently = " CONCURRENTLY" if online else ""

    def repair(self, finding: Finding) -> list[str]:
        """Return the statements for one finding."""
        match finding.expected, finding.found:
            case Function() as function, other:
                return self._function(function, other if isinstance(other, Function) else None)
            case Table() as table, None:
                return self._create_table(table)
            case Table() as table, Table():
                state = "UNLOGGED" if table.options == "UNLOGGED" else "LOGGED"
                return [f"ALTER TABLE {quoted(table.name)} SET {state}"]
        return self._part(finding)

    def _part(self, finding: Finding) -> list[str]:
        table = self.expected.tables[str(finding.table)]
        there = self.found.tables[table.name]
        match finding.expected, finding.found:
            case Column() as column, None:
                return [
                    f"ALTER TABLE {quoted(table.name)} ADD COLUMN"
                    f" {quoted(column.name)} {column.describe()}"
                ]
            case Column() as column, Column() as other:
                return self.columns.repair(there, column, other)
            case Constraint() as constraint, other:
                known = other if isinstance(other, Constraint) else None
                return self._constraint(there, constraint, known, finding.renamed)
            case Index() as index, other:
                standing = other if isinstance(other, Index) else None
                return self._index(there, index, standing, finding.renamed)
            case Trigger() as trigger, other:
                old = other if isinstance(other, Trigger) else None
                return self._trigger(table.name, trigger, old, finding.renamed)
        raise TypeError(f"no repair for {finding}")

    def _function(self, function: Function, other: Function | None) -> list[str]:
        statements = [function.definition.strip()]
        if function.language == "sql":
            # Its body may name what is repaired only later.
            statements = ["SET check_function_bodies = off", *statements]
            statements.append("RESET check_function_bodies")
        name = function.signature.split("(", 1)[0]
        if other is None:
            return statements
        if _head(function) == _head(other):
            # What other bodies returned stands in the indexes on it.
            return statements + [
                f"REINDEX INDEX{self.concurrently} {quoted(index.name)}"
                for table in self.found.tables.values()
                for index in table.indexes.values()
                if f"{name}(" in index.definition
            ]
        # Neither the result's type nor an argument's name can be replaced.
        parts = [
            (table, one)
            for table in self.found.tables.values()
            for one in table.definitions()
            if f"{name}(" in one.definition
        ]
        return [
            *(self._drop(table, one) for table, one in parts),
            f"DROP FUNCTION {function.signature}",
            *statements,
            *(
                one.create(self.concurrently) if isinstance(one, Index) else one.create(table.name)
                for table, one in parts
            ),
        ]

    def _drop(self, table: Table, one: Constraint | Index) -> str:
        if isinstance(one, Index):
            return f"DROP INDEX{self.concurrently} {quoted(one.name)}"
        return f"ALTER TABLE {quoted(table.name)} DROP CONSTRAINT {quoted(one.name)}"

    def _create_table(self, table: Table) -> list[str]:
        columns = ", ".join(
            f"{quoted(column.name)} {column.describe()}" for column in table.columns.values()
        )
        unlogged = "UNLOGGED " if table.options == "UNLOGGED" else ""
        return [
            f"CREATE {unlogged}TABLE {quoted(table.name)} ({columns})",
            *(one.create(table.name) for one in table.constraints),
            *(index.create() for index in table.indexes.values()),
            *(part for one in table.triggers.values() for part in one.create(table.name)),
        ]

    def _constraint(
        self, there: Table, constraint: Constraint, other: Constraint | None, renamed: bool
    ) -> list[str]:
        alter = f"ALTER TABLE {quoted(there.name)}"
        name = quoted(constraint.name)
        validate = f"{alter} VALIDATE CONSTRAINT {name}"
        if other is not None and renamed:
            return [f"{alter} RENAME CONSTRAINT {quoted(other.name)} TO {name}"]
        if (
            other is not None
            and other.enforced
            and other.name == constraint.name
            and other.definition in {constraint.definition, constraint.canonical}
        ):
            return [validate]
        statements = []
        if other is not None:
            statements.append(f"{alter} DROP CONSTRAINT {quoted(other.name)}")
        if constraint.name in there.indexes:
            statements.append(f"DROP INDEX{self.concurrently} {name}")
        add = f"{alter} ADD CONSTRAINT {name} {constraint.definition}"
        key = KEY.match(constraint.definition)
        if constraint.kind in {"check", "foreign key"}:
            return [*statements, f"{add} NOT VALID", *([validate] if constraint.valid else [])]
        if key is None or not self.online:
            return [*statements, add]
        return [
            *statements,
            f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {quoted(there.name)}"
            f" {key['columns']}{key['nulls'] or ''}",
            f"{alter} ADD CONSTRAINT {name} {key['kind']} USING INDEX {name}{key['rest']}",
        ]

    def _index(self, there: Table, index: Index, other: Index | None, renamed: bool) -> list[str]:
        name = quoted(index.name)
        if other is not None and renamed:
            return [f"ALTER INDEX {quoted(other.name)} RENAME TO {name}"]
        if other is not None and (other.definition, other.unique) == (
            index.definition,
            index.unique,
        ):
            return [f"REINDEX INDEX{self.concurrently} {name}"]
        statements = []
        if other is not None:
            statements.append(f"DROP INDEX{self.concurrently} {name}")
        if there.constraint(index.name):
            statements.append(f"ALTER TABLE {quoted(there.name)} DROP CONSTRAINT {name}")
        return [*statements, index.create(self.concurrently)]

    def _trigger(
        self, table: str, trigger: Trigger, other: Trigger | None, renamed: bool
    ) -> list[str]:
        name = quoted(trigger.name)
        if other is not None and renamed:
            return [f"ALTER TRIGGER {quoted(other.name)} ON {quoted(table)} RENAME TO {name}"]
        if other is not None and other.definition == trigger.definition:
            return [trigger.set_state(table)]
        return [*([other.drop(table)] if other else []), *trigger.create(table)]


def _head(function: Function) -> str:
    return function.definition.split("\nAS ", 1)[0].split(" LANGUAGE", 1)[0]
