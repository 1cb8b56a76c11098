"""Compare two catalogs, one kind of object at a time.

An object that only the found schema has belongs to somebody else and is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schema.introspection.catalog import (
    Catalog,
    Constraint,
    Function,
    Index,
    SchemaObject,
    Table,
    Trigger,
)


@dataclass(frozen=True)
class Difference:
    """One object that is not as the migrations made it, in words."""

    object: str
    """What and where: "index threads.threads_recent_idx"."""
    expected: str
    found: str
    repair: list[str]
    """Statements to be run one by one, outside a transaction."""
    table: str | None = None


@dataclass(frozen=True)
class Finding:
    """An object that differs: as expected and as found, None where it is missing."""

    kind: str
    table: str | None
    expected: SchemaObject
    found: SchemaObject | None

    @property
    def label(self) -> str:
        """Return what differs and where: "index threads.threads_recent_idx"."""
        name = _label(self.expected)
        place = f"{self.table}.{name}" if self.table and self.table != name else name
        return f"{self.kind} {place}"

    @property
    def renamed(self) -> bool:
        """Whether only the name is wrong."""
        return (
            isinstance(self.expected, Constraint | Index | Trigger)
            and isinstance(self.found, Constraint | Index | Trigger)
            and self.expected.name != self.found.name
            and _same_but_for_name(self.expected, self.found)
        )

    def difference(self, repair: list[str]) -> Difference:
        """Return the finding in words, with the SQL that repairs it."""
        expected, found = _describe(self.expected), _describe(self.found)
        if self.renamed:
            expected, found = _label(self.expected), f"named {_label(self.found)}"
        return Difference(self.label, expected, found, repair, self.table)


# Repairs run in this order, because each kind may need the ones before it: a missing table
# comes with its foreign keys, and those need the keys of the tables they refer to.
ORDER = [
    "function",
    "column",
    "primary key",
    "unique",
    "exclusion",
    "check",
    "table",
    "foreign key",
    "index",
    "trigger",
]


def find(expected: Catalog, found: Catalog) -> list[Finding]:
    """Return what differs, without the SQL."""
    findings = list(_compare_functions(expected, found))
    for table in expected.tables.values():
        other = found.tables.get(table.name)
        if other is None or other.options != table.options:
            findings.append(Finding("table", table.name, table, other))
        if other is not None:
            findings += _compare_columns(table, other)
            findings += _compare_constraints(table, other)
            findings += _compare_indexes(table, other)
            findings += _compare_triggers(table, other)
    return findings


def _compare_functions(expected: Catalog, found: Catalog) -> Iterator[Finding]:
    for signature, function in expected.functions.items():
        other = found.functions.get(signature)
        if other != function:
            yield Finding("function", None, function, other)


def _compare_columns(expected: Table, found: Table) -> Iterator[Finding]:
    for column in expected.columns.values():
        other = found.columns.get(column.name)
        if other != column:
            yield Finding("column", expected.name, column, other)


def _compare_constraints(expected: Table, found: Table) -> Iterator[Finding]:
    for constraint, other in pair_constraints(expected.constraints, found.constraints):
        if other is None or constraint.name != other.name or not same(constraint, other):
            yield Finding(constraint.kind, expected.name, constraint, other)


def _compare_indexes(expected: Table, found: Table) -> Iterator[Finding]:
    for index, other in _pair(expected.indexes, found.indexes):
        if other is None or index.name != other.name or not same(index, other):
            yield Finding("index", expected.name, index, other)


def _compare_triggers(expected: Table, found: Table) -> Iterator[Finding]:
    for trigger, other in _pair(expected.triggers, found.triggers):
        if trigger != other:
            yield Finding("trigger", expected.name, trigger, other)


def pair_constraints(
    expected: list[Constraint], found: list[Constraint]
) -> list[tuple[Constraint, Constraint | None]]:
    """Return each expected constraint with its counterpart among those found, if any.

    The counterpart is the one of the same name; else the one with the same definition under a
    name that is not expected; else the one of the same kind on the same columns, except for
    checks, of which a column may have several. A table has one primary key.
    """
    left = list(found)
    names = {one.name for one in expected if one.name}
    pairs: dict[int, Constraint] = {}
    for rule in (_same_name, _same_but_for_name, _same_place):
        for number, one in enumerate(expected):
            if number in pairs:
                continue
            for other in left:
                if (rule is _same_name or other.name not in names) and rule(one, other):
                    pairs[number] = other
                    left.remove(other)
                    break
    return [(one, pairs.get(number)) for number, one in enumerate(expected)]


def _same_name(one: Constraint, other: Constraint) -> bool:
    return bool(one.name) and one.name == other.name


def _same_place(one: Constraint, other: Constraint) -> bool:
    if one.kind != other.kind or one.kind == "check":
        return False
    return one.kind == "primary key" or one.columns == other.columns


def _pair(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[tuple[Any, Any | None]]:
    """Return each expected index or trigger with the one of its name, or else its equal."""
    extra = {name: one for name, one in found.items() if name not in expected}
    pairs = []
    for name, one in expected.items():
        other = found.get(name)
        if other is None:
            alike = (name for name, other in extra.items() if _same_but_for_name(one, other))
            other = extra.pop(next(alike, ""), None)
        pairs.append((one, other))
    return pairs


def same(expected: Constraint | Index, found: Constraint | Index) -> bool:
    """Whether `found` does what is expected; it may be stricter about existing rows."""
    if found.definition not in {expected.definition, expected.canonical}:
        return False
    if isinstance(expected, Index) and isinstance(found, Index):
        return expected.unique == found.unique and found.valid >= expected.valid
    if isinstance(expected, Constraint) and isinstance(found, Constraint):
        return expected.kind == found.kind and found.valid >= expected.valid and found.enforced
    return False


def _same_but_for_name(one: Any, other: Any) -> bool:
    if isinstance(one, Trigger):
        renamed = other.definition.replace(
            f"CREATE TRIGGER {other.name} ", f"CREATE TRIGGER {one.name} "
        )
        return bool(one.definition == renamed and one.enabled == other.enabled)
    return same(one, other)


def _label(one: SchemaObject | None) -> str:
    match one:
        case None:
            return ""
        case Constraint():
            return one.label
        case Function():
            return one.signature
    return one.name


def _describe(one: SchemaObject | None) -> str:
    match one:
        case None:
            return "missing"
        case Table():
            return one.options or "a plain table"
        case Function():
            return " ".join(one.definition.split())
    return one.describe()
