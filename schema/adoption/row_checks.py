"""Find the rows that prevent an adoption: no rule of the specification covers them."""

from __future__ import annotations

from collections.abc import Iterator

from django.template.defaultfilters import pluralize

from schema.adoption.match_step import MatchedStep, column_before
from schema.adoption.name_conflicts import links_from_other_schemas
from schema.adoption.row_repairs import has, key_of, plausible, references
from schema.adoption.snapshot import Snapshot
from schema.adoption.spec import Quarantine
from schema.connection import privileges
from schema.introspection.catalog import Constraint, quoted
from schema.report import Problem

SHOWN = 5
"""How many rows a problem lists."""


def row_problems(snapshot: Snapshot) -> Iterator[Problem]:
    """Yield everything that rows prevent."""
    yield from _conflicts(snapshot)
    yield from _nulls(snapshot)
    yield from _constraints(snapshot)
    yield from _references(snapshot)
    yield from _implausible(snapshot)


def existing_tables(snapshot: Snapshot) -> Iterator[tuple[MatchedStep, str]]:
    """Yield the tables of each step of which something exists."""
    for one in snapshot.existing:
        for name in one.step.after.tables:
            if name in snapshot.found.tables:
                yield one, name


def _fixed(snapshot: Snapshot) -> set[str]:
    """Return the columns that a rule covers, once the columns exist that it requires."""
    found = snapshot.found
    after = {one.key: one.step.after for one in snapshot.existing}
    return {
        f"{rule.table}.{column}"
        for rule in snapshot.spec.rules
        if rule.step in after
        and all(has(found, one) or has(after[rule.step], one) for one in rule.requires)
        and not any(has(found, one) for one in rule.without)
        for column in rule.fixes
    }


def _conflicts(snapshot: Snapshot) -> Iterator[Problem]:
    for conflict in snapshot.spec.conflicts:
        if all(has(snapshot.found, column) for column in conflict.requires):
            lines = [row[0] for row in snapshot.fetch(conflict.query)]
            if lines:
                yield Problem(
                    f"There are {conflict.kind}:\n" + "\n".join(f"    {x}" for x in lines),
                    conflict.remedy,
                )


def _nulls(snapshot: Snapshot) -> Iterator[Problem]:
    fixed = _fixed(snapshot)
    for one, name in existing_tables(snapshot):
        actual = snapshot.found.tables[name]
        for column in one.step.after.tables[name].columns.values():
            known = actual.columns.get(column.name)
            if (
                known is None
                or column.nullable
                or not known.nullable
                or column == column_before(one, name, column.name)
                or f"{name}.{column.name}" in fixed
            ):
                continue
            yield from _rows(
                snapshot,
                name,
                f"{quoted(column.name)} IS NULL",
                f"without a value for {column.name}, which must have one",
            )


def _constraints(snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the rows that an expected constraint would refuse."""
    fixed = _fixed(snapshot)
    for one in snapshot.existing:
        for finding in one.findings:
            constraint, name = finding.expected, str(finding.table)
            if not isinstance(constraint, Constraint) or name not in snapshot.found.tables:
                continue
            columns = [f"{name}.{column}" for column in constraint.columns]
            if all(has(snapshot.found, one) for one in columns) and not fixed & set(columns):
                yield from _violations(snapshot, name, constraint)


def _violations(snapshot: Snapshot, table: str, constraint: Constraint) -> Iterator[Problem]:
    if constraint.kind == "check":
        yield from _rows(
            snapshot,
            table,
            f"NOT ({constraint.definition.removeprefix('CHECK ')})",
            f"that {constraint.name} forbids",
        )
    elif constraint.kind in {"primary key", "unique"}:
        own = ", ".join(quoted(column) for column in constraint.columns)
        yield from _rows(
            snapshot,
            table,
            f"({own}) IN (SELECT {own} FROM {quoted(table)} GROUP BY {own} HAVING count(*) > 1)",
            f"that share their {', '.join(constraint.columns)}, of which {constraint.name}"
            " allows one",
        )
    elif constraint.kind == "foreign key" and constraint.target in snapshot.found.tables:
        column, key = quoted(constraint.columns[0]), key_of(snapshot.found, constraint.target)
        yield from _rows(
            snapshot,
            table,
            f"one.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM"
            f" {quoted(constraint.target)} AS t WHERE t.{quoted(key)} = one.{column})",
            f"whose {constraint.columns[0]} is in no row of {constraint.target}",
        )


def _references(snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the rows of other tables that refer to a row which has to go into quarantine."""
    outside = links_from_other_schemas(snapshot.connection, sorted(snapshot.ours))
    for rule in snapshot.rules:
        if not isinstance(rule, Quarantine) or not snapshot.fetch(
            f"SELECT FROM {quoted(rule.table)} AS one WHERE {rule.where} LIMIT 1"
        ):
            continue
        links = [
            *(
                (name, quoted(name), constraint.columns[0])
                for name, constraint in references(snapshot.found, rule.table)
                if name not in snapshot.ours
            ),
            *((where, where, column) for table, _, where, column in outside if table == rule.table),
        ]
        for link in links:
            yield from _referring_rows(snapshot, rule, link)


def _referring_rows(
    snapshot: Snapshot, rule: Quarantine, link: tuple[str, str, str]
) -> Iterator[Problem]:
    name, others, column = link
    if problems := privileges.unreadable(snapshot.connection, [others]):
        yield from problems
        return
    key = quoted(key_of(snapshot.found, rule.table))
    rows = snapshot.fetch(
        f"SELECT {quoted(column)}::text, count(*) FROM {others} WHERE {quoted(column)} IN"
        f" (SELECT one.{key} FROM {quoted(rule.table)} AS one WHERE {rule.where})"
        " GROUP BY 1 ORDER BY 1"
    )
    if rows:
        count = sum(row[1] for row in rows)
        yield Problem(
            f"{rule.table} has rows that must go into quarantine ({rule.reason}), and {name},"
            f" which is not this project's, refers to them by {column}"
            f" ({count} row{pluralize(count)}): {_listed([row[0] for row in rows], len(rows))}.",
            f"Give those rows of {rule.table} what they lack (UPDATE {rule.table} SET"
            f" {rule.fixes[0] if rule.fixes else '…'} = '…' WHERE {key} = '…'), or remove the"
            f" references from {name}.",
        )


def _implausible(snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the tables of which more rows would go into quarantine than is plausible.

    Such a number more likely means that the role does not see every row, or that this is another
    program's table, than that people's rows are broken.
    """
    for table in snapshot.ours:
        key = quoted(key_of(snapshot.found, table))
        total = snapshot.fetch(f"SELECT count(*) FROM {quoted(table)}")[0][0]
        limit = plausible(total, snapshot.quarantine_limit)
        counts: list[str] = []
        sum_of_rows = 0
        for rule in dict.fromkeys(snapshot.rules):
            if not isinstance(rule, Quarantine) or rule.expected or rule.table != table:
                continue
            rows = snapshot.fetch(
                f"SELECT one.{key}::text, count(*) OVER () FROM {quoted(table)} AS one"
                f" WHERE {rule.where} ORDER BY one.{key} LIMIT {SHOWN}"
            )
            if rows:
                sum_of_rows += rows[0][1]
                listed = _listed([row[0] for row in rows], rows[0][1])
                counts.append(f"{rule.reason} ({rows[0][1]:,}: {listed})")
        if sum_of_rows > limit:
            yield Problem(
                f"{sum_of_rows:,} of {total:,} rows of {table} would go into quarantine, which is"
                f" more than the limit of {limit:,}: {'; '.join(counts)}.",
                "Check that the role sees every row and that this is the right database. If the"
                f" rows are really broken, run migrate with --quarantine-limit {sum_of_rows}.",
            )


def _rows(snapshot: Snapshot, table: str, where: str, words: str) -> Iterator[Problem]:
    key = quoted(key_of(snapshot.found, table))
    rows = snapshot.fetch(
        f"SELECT COALESCE(one.{key}::text, 'NULL'), count(*) OVER ()"
        f" FROM {quoted(table)} AS one WHERE {where} ORDER BY one.{key} LIMIT {SHOWN}"
    )
    if rows:
        count = rows[0][1]
        yield Problem(
            f"{table} has {count} row{pluralize(count)} {words}:"
            f" {_listed([row[0] for row in rows], count)}.",
            "Repair those rows, then run migrate again.",
        )


def _listed(names: list[str], count: int) -> str:
    return ", ".join(names[:SHOWN]) + (" …" if count > SHOWN else "")
