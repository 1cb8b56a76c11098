"""Find the canonical form of a definition: how it reads after a dump and a restore.

PostgreSQL may render an expression differently once it has parsed its own rendering. For
example, `role IN ('a', 'b')` on a varchar is rendered as an array that is cast as a whole;
parsed and rendered again, each element is cast. Both forms are correct, because a restored
database is equal to the one that was dumped.
"""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection.catalog import Catalog, Constraint, Index, Table, quoted
from schema.introspection.read import read_catalog

CAST = "::"
Form = tuple[str, str]
"""A table's name and a definition on it."""


class CanonicalForms:
    """The canonical forms of one build's definitions; each is determined once."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.known: dict[Form, str] = {}

    def read(self) -> Catalog:
        """Return the catalog of the scratch schema, with the canonical forms filled in."""
        catalog = read_catalog(self.connection)
        if self.connection.vendor != "postgresql":
            return catalog
        self._learn(catalog)
        return replace(
            catalog, tables={name: self._filled(table) for name, table in catalog.tables.items()}
        )

    def _learn(self, catalog: Catalog) -> None:
        unknown: list[tuple[Table, Constraint | Index]] = [
            (table, one)
            for table in catalog.tables.values()
            for one in table.definitions()
            if CAST in one.definition and (table.name, one.definition) not in self.known
        ]
        if not unknown:
            return
        alias = self.connection.alias
        with transaction.atomic(using=alias), self.connection.cursor() as cursor:
            mark = transaction.savepoint(using=alias)
            cursor.execute(";".join(_made_again(table, one) for table, one in unknown))
            again = read_catalog(self.connection)
            transaction.savepoint_rollback(mark, using=alias)
        for table, one in unknown:
            there = again.tables[table.name]
            match one:
                case Constraint():
                    other: Constraint | Index | None = there.constraint(one.name)
                case Index():
                    other = there.indexes[one.name]
            if other is not None:
                self.known[table.name, one.definition] = other.definition

    def _filled(self, table: Table) -> Table:
        def canonical(definition: str) -> str | None:
            return self.known.get((table.name, definition))

        return replace(
            table,
            constraints=[
                replace(one, canonical=canonical(one.definition)) for one in table.constraints
            ],
            indexes={
                name: replace(one, canonical=canonical(one.definition))
                for name, one in table.indexes.items()
            },
        )


def _made_again(table: Table, one: Constraint | Index) -> str:
    name = quoted(one.name)
    if isinstance(one, Index):
        return f"DROP INDEX {name}; {one.create()}"
    return (
        f"ALTER TABLE {quoted(table.name)} DROP CONSTRAINT {name},"
        f" ADD CONSTRAINT {name} {one.definition}"
    )
