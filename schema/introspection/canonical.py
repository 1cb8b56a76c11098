"""Definitions as they read after a dump and a restore.

PostgreSQL does not render every expression as something that is rendered the same when it
is read again: `role IN ('a', 'b')` on a varchar becomes an array that is cast as a whole,
and that, read again, an array whose elements are cast. A restored database is as good as
the one that was dumped, so both forms are right.
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


class RestoredForms:
    """What one build's definitions become; each is looked up once."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.known: dict[Form, str] = {}

    def read(self) -> Catalog:
        """Return the catalog of the scratch schema, with the restored forms filled in."""
        catalog = read_catalog(self.connection)
        if self.connection.vendor != "postgresql":
            return catalog
        self._learn(catalog)
        return replace(
            catalog, tables={name: self._filled(table) for name, table in catalog.tables.items()}
        )

    def _learn(self, catalog: Catalog) -> None:
        unknown: list[tuple[Table, Constraint | Index]] = [
            (table, thing)
            for table in catalog.tables.values()
            for thing in _things(table)
            if CAST in thing.definition and (table.name, thing.definition) not in self.known
        ]
        if not unknown:
            return
        alias = self.connection.alias
        with transaction.atomic(using=alias), self.connection.cursor() as cursor:
            mark = transaction.savepoint(using=alias)
            cursor.execute(";".join(_made_again(table, thing) for table, thing in unknown))
            again = read_catalog(self.connection)
            transaction.savepoint_rollback(mark, using=alias)
        for table, thing in unknown:
            there = again.tables[table.name]
            match thing:
                case Constraint():
                    other: Constraint | Index | None = there.constraint(thing.name)
                case Index():
                    other = there.indexes[thing.name]
            if other is not None:
                self.known[table.name, thing.definition] = other.definition

    def _filled(self, table: Table) -> Table:
        def restored(definition: str) -> str | None:
            return self.known.get((table.name, definition))

        return replace(
            table,
            constraints=[
                replace(one, restored=restored(one.definition)) for one in table.constraints
            ],
            indexes={
                name: replace(one, restored=restored(one.definition))
                for name, one in table.indexes.items()
            },
        )


def _things(table: Table) -> list[Constraint | Index]:
    return [*table.constraints, *table.indexes.values()]


def _made_again(table: Table, thing: Constraint | Index) -> str:
    name = quoted(thing.name)
    if isinstance(thing, Index):
        unique = "UNIQUE " if thing.unique else ""
        return f"DROP INDEX {name}; CREATE {unique}INDEX {name} ON {thing.definition}"
    return (
        f"ALTER TABLE {quoted(table.name)} DROP CONSTRAINT {name},"
        f" ADD CONSTRAINT {name} {thing.definition}"
    )
