"""Generate the SQL that repairs a column of a PostgreSQL table."""

from __future__ import annotations

import re
from collections.abc import Callable

from schema.introspection.catalog import Column, Table, quoted
from schema.introspection.views import View

Views = Callable[[list[tuple[str, str | None]]], list[View]]
"""Returns the views over columns, each with its table, innermost first."""


class ColumnRepairer:
    """Repairs columns that differ; `online` spares live traffic, outside a transaction."""

    def __init__(self, online: bool, views: Views) -> None:
        self.online = online
        self.views = views

    def repair(self, there: Table, column: Column, other: Column) -> list[str]:
        """Return the statements that make the column `other` of `there` as expected."""
        change = f"ALTER TABLE {quoted(there.name)} ALTER COLUMN {quoted(column.name)}"
        if column.generated != other.generated:
            if column.generated is None:
                return [f"{change} DROP EXPRESSION"]
            return self._regenerate(there, column)
        statements: list[str] = []
        default = other.default
        if (column.type, column.collation) != (other.type, other.collation):
            if default is not None and not column.generated:
                statements.append(f"{change} DROP DEFAULT")
                default = None
            collation = f" COLLATE {column.collation}" if column.collation else ""
            using = "" if column.generated else f" USING {quoted(column.name)}::{column.type}"
            statements.append(f"{change} TYPE {column.type}{collation}{using}")
            statements = self._without_dependents(there, column.name, statements)
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
            statements += self._not_null(there.name, column)
        if column.identity and column.identity != other.identity:
            statements += _identity(there.name, column, other)
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

    def _regenerate(self, there: Table, column: Column) -> list[str]:
        """Drop and add a generated column, with the constraints and the indexes on it."""
        name = quoted(column.name)
        mentions = re.compile(rf"\b{re.escape(column.name)}\b").search
        indexes = [one for one in there.indexes.values() if mentions(one.definition)]
        constraints = [one for one in there.constraints if column.name in one.columns]
        change = (
            f"ALTER TABLE {quoted(there.name)} DROP COLUMN {name},"
            f" ADD COLUMN {name} {column.describe()}"
        )
        again = [one.create(there.name) for one in constraints]
        return [
            *self._without_dependents(there, column.name, [change, *again]),
            *(one.create(" CONCURRENTLY" if self.online else "") for one in indexes),
        ]

    def _without_dependents(self, there: Table, column: str, change: list[str]) -> list[str]:
        """Drop what keeps a column from being changed, and create it again, in one transaction."""
        views = self.views([(there.name, column)])
        triggers = there.triggers_on([column])
        if not views and not triggers:
            return change
        statements = [
            *(view.drop for view in reversed(views)),
            *(trigger.drop(there.name) for trigger in triggers),
            *change,
            *(statement for one in triggers for statement in one.create(there.name)),
            *(statement for view in views for statement in view.create),
        ]
        return ["BEGIN", *statements, "COMMIT"] if self.online else statements


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
