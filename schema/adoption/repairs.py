"""The SQL that brings a table people use to what a migration creates.

Each function returns units: one statement runs by itself, several in one transaction. Every
unit may be the last before a crash; the next run derives what is left from the live schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from schema.drift.compare import Finding, same
from schema.drift.repair_postgresql import with_repairs
from schema.introspection.catalog import Catalog, Column, Constraint, Index, Table, quoted

Unit = tuple[str, ...]

DEFERRABLE = " DEFERRABLE INITIALLY DEFERRED"


def columns(findings: Sequence[Finding]) -> Iterator[Unit]:
    """Yield what adds the missing columns and sets the defaults of the others."""
    for finding in findings:
        match finding.expected, finding.found:
            case Column() as column, None:
                yield _added(str(finding.table), column)
            case Column() as column, Column() as actual:
                if column.type == actual.type and column.default != actual.default:
                    yield (f"{_alter(finding.table, column)} {_default(column)}",)


def _added(table: str, column: Column) -> Unit:
    """Return what adds a column without rewriting the table.

    A default that is computed (the current time) would be wrong for the rows that exist; they get
    none, and what is known of them is filled in afterwards.
    """
    add = f"ALTER TABLE {quoted(table)} ADD COLUMN {quoted(column.name)}"
    if column.default is None or "(" not in column.default or column.identity:
        plain = column.default is None and not column.identity and not column.nullable
        described = column.type if plain else column.describe()
        return (f"{add} {described}",)
    return f"{add} {column.type}", f"{_alter(table, column)} {_default(column)}"


def _default(column: Column) -> str:
    return "DROP DEFAULT" if column.default is None else f"SET DEFAULT {column.default}"


def _alter(table: str | None, column: Column) -> str:
    return f"ALTER TABLE {quoted(str(table))} ALTER COLUMN {quoted(column.name)}"


def by_kind(findings: Sequence[Finding], expected: Catalog, found: Catalog) -> Iterator[Unit]:
    """Yield what creates tables, functions and triggers, which blocks nobody."""
    for difference in with_repairs(list(findings), expected, found, online=True):
        yield tuple(difference.repair)


def not_null(table: Table, actual: Table) -> Iterator[Unit]:
    """Yield what forbids NULL, reading the table once without a lock that blocks writers.

    With a valid check SET NOT NULL need not read the table
    (https://www.postgresql.org/docs/current/sql-altertable.html).
    """
    add, validate, forbid, drop = [], [], [], []
    for column in table.columns.values():
        known = actual.columns.get(column.name)
        if known is None or column.nullable:
            continue
        name = f"{column.name}_is_not_null"
        check = actual.constraint(name)
        if known.nullable:
            if check is None:
                condition = f"CHECK ({quoted(column.name)} IS NOT NULL) NOT VALID"
                add.append(f"ADD CONSTRAINT {quoted(name)} {condition}")
            if check is None or not check.valid:
                validate.append(f"VALIDATE CONSTRAINT {quoted(name)}")
            forbid.append(f"ALTER COLUMN {quoted(column.name)} SET NOT NULL")
        if known.nullable or check is not None:
            drop.append(f"DROP CONSTRAINT {quoted(name)}")
    for actions in (add, validate, forbid, drop):
        if actions:
            yield (f"ALTER TABLE {quoted(table.name)} {', '.join(actions)}",)


def checks_and_foreign_keys(findings: Sequence[Finding], *, validate: bool) -> Iterator[Unit]:
    """Yield what adds, renames or replaces checks and foreign keys, or what validates them."""
    for finding in findings:
        constraint, actual = finding.expected, finding.found
        if not isinstance(constraint, Constraint) or constraint.kind not in {
            "check",
            "foreign key",
        }:
            continue
        old = actual if isinstance(actual, Constraint) else None
        alter = f"ALTER TABLE {quoted(str(finding.table))}"
        name = quoted(constraint.name)
        same_rows = old is not None and _reads(old) == _reads(constraint)
        if validate:
            if constraint.valid and not (old and old.valid and same_rows):
                yield (f"{alter} VALIDATE CONSTRAINT {name}",)
        elif old is not None and old.enforced and same_rows:
            yield from _kept(alter, constraint, old)
        else:
            add = f"{alter} ADD CONSTRAINT {name} {constraint.definition} NOT VALID"
            yield (f"{alter} DROP CONSTRAINT {quoted(old.name)}", add) if old else (add,)


def surplus_foreign_keys(expected: Catalog, found: Catalog) -> Iterator[Unit]:
    """Yield what drops other foreign keys on a column: they may do something else on delete."""
    for name, table in expected.tables.items():
        actual = found.tables.get(name)
        for one in table.constraints if actual else ():
            if actual is None or one.kind != "foreign key" or not actual.constraint(one.name):
                continue
            for other in actual.constraints:
                if (other.kind, other.columns, other.target) == (
                    one.kind,
                    one.columns,
                    one.target,
                ) and table.constraint(other.name) is None:
                    yield (f"ALTER TABLE {quoted(name)} DROP CONSTRAINT {quoted(other.name)}",)


def foreign_keys_unread(findings: Sequence[Finding]) -> Iterator[Unit]:
    """Yield what turns existing foreign keys into ours without reading a row."""
    for finding in findings:
        match finding.expected, finding.found:
            case Constraint(kind="foreign key") as wanted, Constraint() as actual:
                alter = f"ALTER TABLE {quoted(str(finding.table))}"
                if actual.enforced and _reads(actual) == _reads(wanted):
                    yield from _kept(alter, wanted, actual)
                    continue
                yield (
                    f"{alter} DROP CONSTRAINT {quoted(actual.name)}",
                    f"{alter} ADD CONSTRAINT {quoted(wanted.name)} {wanted.definition} NOT VALID",
                )


def _reads(constraint: Constraint) -> str:
    return constraint.definition.replace(DEFERRABLE, "")


def _kept(alter: str, constraint: Constraint, old: Constraint) -> Iterator[Unit]:
    """Yield what turns an old constraint into ours without reading a row."""
    unit: list[str] = []
    if old.name != constraint.name:
        unit.append(f"{alter} RENAME CONSTRAINT {quoted(old.name)} TO {quoted(constraint.name)}")
    if old.definition != constraint.definition:
        wanted = DEFERRABLE if DEFERRABLE in constraint.definition else " NOT DEFERRABLE"
        unit.append(f"{alter} ALTER CONSTRAINT {quoted(constraint.name)}{wanted}")
    if unit:
        yield tuple(unit)


def primary_keys(findings: Sequence[Finding], expected: Catalog, found: Catalog) -> Iterator[Unit]:
    """Yield what creates the primary keys that tables have lost: new tables refer to them."""
    for finding in findings:
        match finding.expected, finding.found:
            case Constraint(kind="primary key") as key, None:
                table = expected.tables[str(finding.table)]
                own = {name: table.columns[name] for name in key.columns}
                yield from not_null(Table(table.name, own), found.tables[table.name])
                yield from _alone(finding, expected, found)


def keys_and_indexes(
    findings: Sequence[Finding], expected: Catalog, found: Catalog
) -> Iterator[Unit]:
    """Yield what creates keys, unique constraints and indexes while people write."""
    for finding in findings:
        match finding.expected, finding.found:
            case Index() as index, None:
                yield _built(index)
            case Index() as index, Index() as actual if not same(index, actual):
                yield (f"DROP INDEX CONCURRENTLY {quoted(actual.name)}",)
                yield _built(index)
            case Index(), Index():
                yield from _alone(finding, expected, found)
            case Constraint() as one, _ if one.kind not in {"check", "foreign key"}:
                yield from _alone(finding, expected, found)


def _built(index: Index) -> Unit:
    unique = "UNIQUE " if index.unique else ""
    return (f"CREATE {unique}INDEX CONCURRENTLY {quoted(index.name)} ON {index.definition}",)


def _alone(finding: Finding, expected: Catalog, found: Catalog) -> Iterator[Unit]:
    for difference in with_repairs([finding], expected, found, online=True):
        yield from ((statement,) for statement in difference.repair)
