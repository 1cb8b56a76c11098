"""Generate the SQL that repairs a SQLite schema.

SQLite can change hardly anything of a table in place, so most repairs are the rebuild that
its manual describes (https://sqlite.org/lang_altertable.html, section 7).
"""

from __future__ import annotations

from schema.drift.compare import Difference, Finding, pair_constraints
from schema.introspection.catalog import Catalog, Column, Constraint, Index, Table, Trigger, quoted


def with_repairs(findings: list[Finding], expected: Catalog, found: Catalog) -> list[Difference]:
    """Return the findings with their repairs."""
    return [finding.difference(_repair(finding, expected, found)) for finding in findings]


def _repair(finding: Finding, expected: Catalog, found: Catalog) -> list[str]:
    expected_object, other = finding.expected, finding.found
    if isinstance(expected_object, Index | Trigger):
        kind = finding.kind.upper()
        drop = [f"DROP {kind} {quoted(other.name)}"] if isinstance(other, Index | Trigger) else []
        return [*drop, expected_object.sql]
    table = expected.tables[str(finding.table)]
    if isinstance(expected_object, Table) and other is None:
        return [table.sql, *_hanging(table)]
    return rebuild(table, found.tables[table.name])


def rebuild(expected: Table, found: Table) -> list[str]:
    """Return the statements that give `found` the columns and constraints expected.

    The columns, constraints, indexes and triggers that only `found` has are kept.
    """
    name, new = quoted(found.name), quoted(f"new__{found.name}")
    body = [item.text for item in expected.items if item.column]
    body += [
        item.text
        for item in found.items
        if item.column is not None and item.column not in expected.columns
    ]
    body += [item.text for item in expected.items if item.column is None]
    body += _extra_constraints(expected, found)
    options = f" {expected.options}" if expected.options else ""
    everything = found.columns | expected.columns
    copied = [everything[name] for name in found.columns if not everything[name].generated]
    into = ", ".join(quoted(column.name) for column in copied)
    values = ", ".join(_value(column, found.columns[column.name]) for column in copied)
    return [
        "PRAGMA foreign_keys = OFF",
        # Without it the renaming would check every trigger, and fail.
        "PRAGMA legacy_alter_table = ON",
        "BEGIN IMMEDIATE",
        f"CREATE TABLE {new} ({', '.join(body)}){options}",
        f"INSERT INTO {new} ({into}) SELECT {values} FROM {name}",  # noqa: S608 - quoted names
        *_same_sequence(expected, found.name),
        f"DROP TABLE {name}",
        f"ALTER TABLE {new} RENAME TO {name}",
        *_hanging(found),
        "COMMIT",
        "PRAGMA legacy_alter_table = OFF",
        "PRAGMA foreign_keys = ON",
    ]


def _extra_constraints(expected: Table, found: Table) -> list[str]:
    """Return the constraints that only `found` has, to stand at the end of the table."""
    ours = [there for _, there in pair_constraints(expected.constraints, found.constraints)]
    return [
        _standing_alone(constraint) if item.column else item.text
        for item in found.items
        # The text of a column that only `found` has is kept, with what stands in it.
        if item.column is None or item.column in expected.columns
        for constraint in item.constraints
        if not any(constraint is one for one in ours)
    ]


def _same_sequence(expected: Table, name: str) -> list[str]:
    """Return what keeps AUTOINCREMENT from giving a number again that was once given."""
    if not any("AUTOINCREMENT" in one.definition for one in expected.constraints):
        return []
    old, new = (text.replace("'", "''") for text in (name, f"new__{name}"))
    return [
        f"DELETE FROM sqlite_sequence WHERE name = '{new}'",  # noqa: S608 - a table's name
        "INSERT INTO sqlite_sequence (name, seq)"  # noqa: S608 - quoted
        f" SELECT '{new}', seq FROM sqlite_sequence WHERE name = '{old}'",
    ]


def _hanging(table: Table) -> list[str]:
    """Return what makes the table's indexes and triggers."""
    return [
        *(index.sql for index in table.indexes.values()),
        *(trigger.sql for trigger in table.triggers.values()),
    ]


def _standing_alone(constraint: Constraint) -> str:
    name = f"CONSTRAINT {quoted(constraint.name)} " if constraint.name else ""
    return name + constraint.definition


def _value(expected: Column, found: Column) -> str:
    """Return what to copy: NULL becomes the default where it is no longer allowed."""
    name = quoted(expected.name)
    if expected.nullable or not found.nullable or expected.default is None:
        return name
    return f"coalesce({name}, {expected.default})"
