"""The objects of a database schema, in a form that can be compared with another.

Every definition is written as the database itself renders it while its search path holds
only the schema that is read. Catalogs of two schemas on one server therefore differ only
where the schemas differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace


class CatalogError(Exception):
    """The schema could not be read or built; the text names the remedy."""


@dataclass(frozen=True)
class Column:
    """A column, without the constraints that other columns may share."""

    name: str
    type: str
    nullable: bool
    default: str | None = None
    collation: str | None = None
    identity: str | None = None
    """"ALWAYS" or "BY DEFAULT" (PostgreSQL)."""
    generated: str | None = None
    """The expression of a stored generated column, with its kind of storage."""

    def describe(self) -> str:
        """Return the column's definition without its name."""
        words = [self.type]
        if self.collation:
            words.append(f"COLLATE {self.collation}")
        if self.generated:
            words.append(f"GENERATED ALWAYS AS {self.generated}")
        if self.default is not None:
            words.append(f"DEFAULT {self.default}")
        if self.identity:
            words.append(f"GENERATED {self.identity} AS IDENTITY")
        if not self.nullable:
            words.append("NOT NULL")
        return " ".join(words)


@dataclass(frozen=True)
class Constraint:
    """A primary key, a unique, check, foreign key or exclusion constraint."""

    name: str
    """Empty where SQLite was given none."""
    kind: str
    """"primary key", "unique", "check", "foreign key" or "exclusion"."""
    definition: str
    columns: tuple[str, ...] = ()
    target: str | None = None
    """The table a foreign key refers to."""
    valid: bool = True
    """False for NOT VALID: rows from before it was added are not checked."""
    enforced: bool = True
    """False where a foreign key's own triggers are disabled."""
    canonical: str | None = field(default=None, compare=False)
    """The definition as it reads after a dump and a restore, where that differs."""

    @property
    def label(self) -> str:
        """Return the name, or the columns of a constraint without one."""
        return self.name or f"({', '.join(self.columns)})"

    def describe(self) -> str:
        """Return the definition and the state."""
        state = "" if self.valid else " NOT VALID"
        return self.definition + state + ("" if self.enforced else ", its triggers disabled")

    def create(self, table: str) -> str:
        """Return PostgreSQL's statement that adds it."""
        state = "" if self.valid else " NOT VALID"
        add = f"ADD CONSTRAINT {quoted(self.name)} {self.definition}{state}"
        return f"ALTER TABLE {quoted(table)} {add}"


@dataclass(frozen=True)
class Index:
    """An index that no constraint owns."""

    name: str
    definition: str
    """What follows ON: table, method, columns, condition."""
    unique: bool = False
    valid: bool = True
    """False for what a failed concurrent build leaves behind."""
    canonical: str | None = field(default=None, compare=False)
    sql: str = field(default="", compare=False)
    """SQLite: the statement that created it."""

    def describe(self) -> str:
        """Return the definition and the state."""
        kind = "UNIQUE INDEX" if self.unique else "INDEX"
        return f"{kind} ON {self.definition}" + ("" if self.valid else " INVALID")

    def create(self, concurrently: str = "") -> str:
        """Return PostgreSQL's statement that creates it."""
        unique = "UNIQUE " if self.unique else ""
        return f"CREATE {unique}INDEX{concurrently} {quoted(self.name)} ON {self.definition}"


@dataclass(frozen=True)
class Trigger:
    """A trigger that somebody wrote."""

    name: str
    definition: str
    enabled: str = "O"
    """pg_trigger.tgenabled: O for enabled, D disabled, R replica, A always."""
    sql: str = field(default="", compare=False)
    """The statement that creates it."""

    def describe(self) -> str:
        """Return the definition and the state."""
        states = {"O": "", "D": ", disabled", "R": ", on replicas only", "A": ", always"}
        return self.definition + states[self.enabled]

    def create(self, table: str) -> list[str]:
        """Return PostgreSQL's statements that create it in the state that it is in."""
        return [self.sql, *([self.set_state(table)] if self.enabled != "O" else [])]

    def set_state(self, table: str) -> str:
        """Return PostgreSQL's statement that brings it to the state that it is in."""
        states = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
        state = f"{states[self.enabled]} TRIGGER {quoted(self.name)}"
        return f"ALTER TABLE {quoted(table)} {state}"

    def drop(self, table: str) -> str:
        """Return PostgreSQL's statement that drops it."""
        return f"DROP TRIGGER {quoted(self.name)} ON {quoted(table)}"


@dataclass(frozen=True)
class Item:
    """One entry between the parentheses of SQLite's CREATE TABLE, as it was written."""

    text: str
    column: str | None
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True)
class Table:
    """A table and everything that hangs on it."""

    name: str
    columns: dict[str, Column] = field(default_factory=dict)
    constraints: list[Constraint] = field(default_factory=list)
    indexes: dict[str, Index] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    options: str = ""
    """What else the table is: UNLOGGED, WITHOUT ROWID, a virtual table's module."""
    sql: str = field(default="", compare=False)
    """SQLite: the statement that created it."""
    items: tuple[Item, ...] = field(default=(), compare=False)
    """SQLite: that statement's parts."""

    def constraint(self, name: str) -> Constraint | None:
        """Return the constraint called `name`, if there is one."""
        return next((one for one in self.constraints if one.name == name), None)

    def definitions(self) -> list[Constraint | Index]:
        """Return the constraints and the indexes."""
        return [*self.constraints, *self.indexes.values()]

    def triggers_on(self, columns: Iterable[str]) -> list[Trigger]:
        """Return the triggers whose definitions mention one of the columns."""
        names = "|".join(map(re.escape, columns))
        return [
            one for one in self.triggers.values() if re.search(rf"\b({names})\b", one.definition)
        ]

    def add(self, one: Column | Constraint | Index | Trigger) -> None:
        """Add a part to the table."""
        match one:
            case Column():
                self.columns[one.name] = one
            case Constraint():
                self.constraints.append(one)
            case Index():
                self.indexes[one.name] = one
            case Trigger():
                self.triggers[one.name] = one

    def parts(self) -> Iterator[Column | Constraint | Index | Trigger]:
        """Yield everything that hangs on the table."""
        yield from self.columns.values()
        yield from self.constraints
        yield from self.indexes.values()
        yield from self.triggers.values()

    def without_parts(self) -> Table:
        """Return the table by itself."""
        return Table(self.name, options=self.options)


@dataclass(frozen=True)
class Function:
    """A database function."""

    signature: str
    """Its quoted name and the types of its arguments."""
    definition: str
    language: str


SchemaObject = Table | Column | Constraint | Index | Trigger | Function


@dataclass(frozen=True)
class Catalog:
    """Everything in one schema, in the order in which it was made."""

    vendor: str
    tables: dict[str, Table] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)

    def only(self, tables: set[str]) -> Catalog:
        """Return the catalog with no other tables than these."""
        kept = {name: table for name, table in self.tables.items() if name in tables}
        return replace(self, tables=kept)


def quoted(name: str) -> str:
    """Return `name` as an identifier, in quotes."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
