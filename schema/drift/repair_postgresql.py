"""Generate the SQL that repairs a PostgreSQL schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter

from schema.drift.compare import Difference, Finding
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
    findings: list[Finding], expected: Catalog, found: Catalog, *, online: bool
) -> list[Difference]:
    """Return the findings with their repairs, missing tables in the order of their references."""
    repairer = _Repairer(expected, found, online)
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
    def __init__(self, expected: Catalog, found: Catalog, online: bool) -> None:
        self.expected = expected
        self.found = found
        self.online = online
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
        return self._part_of_table(finding)

    def _part_of_table(self, finding: Finding) -> list[str]:
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
                return self._column(table, there, column, other)
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
        # The result's type cannot be replaced; the triggers that call it are put back.
        triggers = [
            trigger.sql
            for table in self.expected.tables.values()
            for trigger in table.triggers.values()
            if f"FUNCTION {name}(" in trigger.definition
        ]
        return [f"DROP FUNCTION {function.signature} CASCADE", *statements, *triggers]

    def _create_table(self, table: Table) -> list[str]:
        columns = ", ".join(
            f"{quoted(column.name)} {column.describe()}" for column in table.columns.values()
        )
        unlogged = "UNLOGGED " if table.options == "UNLOGGED" else ""
        constraints = [
            f"ALTER TABLE {quoted(table.name)} ADD CONSTRAINT {quoted(one.name)} {one.describe()}"
            for one in table.constraints
        ]
        return [
            f"CREATE {unlogged}TABLE {quoted(table.name)} ({columns})",
            *constraints,
            *(_create_index(index, "") for index in table.indexes.values()),
            *(trigger.sql for trigger in table.triggers.values()),
        ]

    def _column(self, table: Table, there: Table, column: Column, other: Column) -> list[str]:
        change = f"ALTER TABLE {quoted(table.name)} ALTER COLUMN {quoted(column.name)}"
        if column.generated != other.generated:
            if column.generated is None:
                return [f"{change} DROP EXPRESSION"]
            return self._regenerate(table, there, column)
        statements: list[str] = []
        default = other.default
        if (column.type, column.collation) != (other.type, other.collation):
            if default is not None and not column.generated:
                statements.append(f"{change} DROP DEFAULT")
                default = None
            collation = f" COLLATE {column.collation}" if column.collation else ""
            using = "" if column.generated else f" USING {quoted(column.name)}::{column.type}"
            statements.append(f"{change} TYPE {column.type}{collation}{using}")
            statements = _without_triggers(there, column.name, statements)
        if other.identity and not column.identity:
            statements.append(f"{change} DROP IDENTITY")
        if column.default != default:
            statements.append(
                f"{change} DROP DEFAULT"
                if column.default is None
                else f"{change} SET DEFAULT {column.default}"
            )
        if column.nullable and not other.nullable:
            statements.append(f"{change} DROP NOT NULL")
        if other.nullable and not column.nullable:
            statements += self._not_null(table.name, column)
        if column.identity and column.identity != other.identity:
            statements += _identity(table.name, column, other)
        return statements

    def _not_null(self, table: str, column: Column) -> list[str]:
        name = quoted(column.name)
        alter = f"ALTER TABLE {quoted(table)}"
        statements = []
        if column.default is not None:
            statements.append(
                f"UPDATE {quoted(table)} SET {name} = DEFAULT WHERE {name} IS NULL"  # noqa: S608 - quoted
            )
        change = f"{alter} ALTER COLUMN {name} SET NOT NULL"
        if not self.online:
            return [*statements, change]
        # With a valid check SET NOT NULL need not read the table under its lock.
        check = quoted(f"{column.name}_is_not_null")
        return [
            *statements,
            f"{alter} ADD CONSTRAINT {check} CHECK ({name} IS NOT NULL) NOT VALID",
            f"{alter} VALIDATE CONSTRAINT {check}",
            change,
            f"{alter} DROP CONSTRAINT {check}",
        ]

    def _regenerate(self, table: Table, there: Table, column: Column) -> list[str]:
        """Drop and add a generated column, with the indexes on it."""
        name = quoted(column.name)
        mentions = re.compile(rf"\b{re.escape(column.name)}\b").search
        indexes = [one for one in there.indexes.values() if mentions(one.definition)]
        return [
            f"ALTER TABLE {quoted(table.name)} DROP COLUMN {name},"
            f" ADD COLUMN {name} {column.describe()}",
            *(_create_index(one, self.concurrently) for one in indexes),
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
        return [*statements, _create_index(index, self.concurrently)]

    def _trigger(
        self, table: str, trigger: Trigger, other: Trigger | None, renamed: bool
    ) -> list[str]:
        name = quoted(trigger.name)
        if other is not None and renamed:
            return [f"ALTER TRIGGER {quoted(other.name)} ON {quoted(table)} RENAME TO {name}"]
        states = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
        set_state = f"ALTER TABLE {quoted(table)} {states[trigger.enabled]} TRIGGER {name}"
        if other is not None and other.definition == trigger.definition:
            return [set_state]
        drop = [f"DROP TRIGGER {name} ON {quoted(table)}"] if other else []
        return [*drop, trigger.sql, *([set_state] if trigger.enabled != "O" else [])]


def _head(function: Function) -> str:
    return function.definition.split("\nAS ", 1)[0].split(" LANGUAGE", 1)[0]


def _create_index(index: Index, concurrently: str) -> str:
    unique = "UNIQUE " if index.unique else ""
    return f"CREATE {unique}INDEX{concurrently} {quoted(index.name)} ON {index.definition}"


def _identity(table: str, column: Column, other: Column) -> list[str]:
    alter = f"ALTER TABLE {quoted(table)} ALTER COLUMN {quoted(column.name)}"
    if other.identity:
        return [f"{alter} SET GENERATED {column.identity}"]
    literal = quoted(table).replace("'", "''"), column.name.replace("'", "''")
    return [
        f"{alter} ADD GENERATED {column.identity} AS IDENTITY",
        f"SELECT setval(pg_get_serial_sequence('{literal[0]}', '{literal[1]}'),"  # noqa: S608 - quoted
        f" max({quoted(column.name)})) FROM {quoted(table)}",
    ]


def _without_triggers(table: Table, column: str, statements: list[str]) -> list[str]:
    """Lift off, and put back, the triggers that keep a column's type from being changed."""
    mentions: Callable[[str], re.Match[str] | None] = re.compile(rf"\b{re.escape(column)}\b").search
    lifted = [one for one in table.triggers.values() if mentions(one.definition)]
    return [
        *(f"DROP TRIGGER {quoted(one.name)} ON {quoted(table.name)}" for one in lifted),
        *statements,
        *(one.sql for one in lifted),
    ]
