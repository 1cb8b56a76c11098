"""What keeps a schema from being the expected one, and the SQL that mends it.

What only the found schema has is somebody else's and is no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schema.introspection.catalog import (
    Catalog,
    Column,
    Constraint,
    Function,
    Index,
    Table,
    Trigger,
)


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the migrations made it."""

    object: str
    """What and where: "index threads.threads_recent_idx"."""
    expected: str
    found: str
    mend: list[str]
    """Statements to be run one by one, outside a transaction."""
    table: str | None = None


Thing = Table | Column | Constraint | Index | Trigger | Function


@dataclass(frozen=True)
class Finding:
    """A thing that differs: as expected and as found, None where it is missing."""

    kind: str
    table: str | None
    expected: Thing
    found: Thing | None

    @property
    def renamed(self) -> bool:
        """Whether it is right but for its name."""
        return (
            isinstance(self.expected, Constraint | Index | Trigger)
            and isinstance(self.found, Constraint | Index | Trigger)
            and self.expected.name != self.found.name
            and _same_but_for_name(self.expected, self.found)
        )

    def difference(self, mend: list[str]) -> Difference:
        """Return the finding in words, with the SQL that mends it."""
        expected, found = _words(self.expected), _words(self.found)
        name = _name(self.expected)
        if self.renamed:
            expected, found = name, f"named {_name(self.found)}"
        place = f"{self.table}.{name}" if self.table and self.table != name else name
        return Difference(f"{self.kind} {place}", expected, found, mend, self.table)


# In this order the mending of each stands on what was mended before it: a missing table
# comes with its foreign keys, which need the keys of the tables that are there.
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


def differences(expected: Catalog, found: Catalog, *, online: bool = True) -> list[Difference]:
    """Return what differs, in an order in which running every mend works.

    Args:
        expected: What the migrations make.
        found: What there is.
        online: Whether PostgreSQL's mends spare live traffic, by CONCURRENTLY and the like.
            Such statements cannot run in a transaction; others can.
    """
    from schema.drift import (
        repair_postgresql,  # which import this module
        repair_sqlite,
    )

    findings = sorted(
        find(expected, found),
        key=lambda finding: (ORDER.index(finding.kind), finding.found is not None),
    )
    if expected.vendor == "sqlite":
        return repair_sqlite.mended(findings, expected, found)
    return repair_postgresql.mended(findings, expected, found, online=online)


def script(found: Iterable[Difference]) -> list[str]:
    """Return the statements that mend all the differences, without repeating a rebuild."""
    whole: dict[tuple[str, ...], None] = dict.fromkeys(tuple(one.mend) for one in found)
    return [statement for mend in whole for statement in mend]


def find(expected: Catalog, found: Catalog) -> list[Finding]:
    """Return what differs, without the SQL."""
    findings: list[Finding] = []
    for signature, function in expected.functions.items():
        other = found.functions.get(signature)
        if other != function:
            findings.append(Finding("function", None, function, other))
    for name, table in expected.tables.items():
        there = found.tables.get(name)
        if there is None:
            findings.append(Finding("table", name, table, None))
        else:
            findings += _in_table(table, there)
    return findings


def _in_table(expected: Table, found: Table) -> list[Finding]:
    name = expected.name
    findings: list[Finding] = []
    if expected.options != found.options:
        findings.append(Finding("table", name, expected, found))
    for column in expected.columns.values():
        other = found.columns.get(column.name)
        if other != column:
            findings.append(Finding("column", name, column, other))
    for constraint, there in pair_constraints(expected.constraints, found.constraints):
        if there is None or constraint.name != there.name or not same(constraint, there):
            findings.append(Finding(constraint.kind, name, constraint, there))
    for index, known in _pair(expected.indexes, found.indexes):
        if known is None or index.name != known.name or not same(index, known):
            findings.append(Finding("index", name, index, known))
    for trigger, standing in _pair(expected.triggers, found.triggers):
        if trigger != standing:
            findings.append(Finding("trigger", name, trigger, standing))
    return findings


def pair_constraints(
    expected: list[Constraint], found: list[Constraint]
) -> list[tuple[Constraint, Constraint | None]]:
    """Return each expected constraint with the one found in its place, if any.

    In its place is the one of the same name; else the one that says the same under a name
    that is not expected; else the one of the same kind on the same columns, but for checks,
    of which a column may have several. A table has one primary key.
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
    """Return each expected index or trigger with the one of its name, or else of its kind."""
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
    """Whether `found` does what is expected; being stricter about old rows is no fault."""
    if found.definition not in {expected.definition, expected.restored}:
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


def _name(thing: Thing | None) -> str:
    if isinstance(thing, Constraint):
        return thing.label
    if isinstance(thing, Function):
        return thing.signature
    return thing.name if thing else ""


def _words(thing: Thing | None) -> str:
    if thing is None:
        return "missing"
    if isinstance(thing, Table):
        return thing.options or "a plain table"
    if isinstance(thing, Function):
        return " ".join(thing.definition.split())
    return thing.describe()
