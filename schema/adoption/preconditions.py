"""Find everything that prevents an adoption, before the first change."""

from __future__ import annotations

from collections.abc import Iterator

from schema.adoption import name_conflicts
from schema.adoption.match_step import column_before
from schema.adoption.row_checks import existing_tables, row_problems
from schema.adoption.row_repairs import before_its_type
from schema.adoption.snapshot import Snapshot
from schema.adoption.type_changes import conversion_error, dependents, wrong_types
from schema.connection import privileges
from schema.introspection.catalog import Column, quoted
from schema.report import Problem

RULES = """
    SELECT c.relname::text, r.rulename::text,
           CASE r.ev_type WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' ELSE 'DELETE' END
    FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relname = ANY (%s)
      AND r.is_instead AND r.ev_enabled IN ('O', 'A') AND r.rulename <> '_RETURN'
    ORDER BY 1, 2
"""


def find_problems(snapshot: Snapshot) -> list[Problem]:
    """Return every problem of the database of `snapshot`; only reads."""
    connection, found, steps = snapshot.connection, snapshot.found, snapshot.steps
    return [
        *name_conflicts.taken_names(
            connection, [*(one.step for one in steps), *snapshot.later], found
        ),
        *name_conflicts.later_columns(snapshot.later, found),
        *name_conflicts.misdirected_links(steps, found),
        *name_conflicts.lacking_tables(connection, steps, found),
        *name_conflicts.lacking_columns(connection, steps, found),
        *name_conflicts.unfillable_columns(steps, found),
        *_rules(snapshot),
        *_policies_elsewhere(snapshot),
        *_keys(snapshot),
        *_types(snapshot),
        *row_problems(snapshot),
    ]


def _rules(snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the rules that do something else instead of a change."""
    with snapshot.connection.cursor() as cursor:
        cursor.execute(RULES, [snapshot.ours])
        for table, name, event in cursor.fetchall():
            yield Problem(
                f"The rule {name} on {table} replaces {event}, so changes might be skipped.",
                f"ALTER TABLE {quoted(table)} DISABLE RULE {quoted(name)}; run migrate, then ENABLE"
                " it again.",
            )


def _policies_elsewhere(snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the tables with links to ours of which policies hide rows."""
    others = [name for name in snapshot.keys.by_table() if name not in snapshot.ours]
    yield from privileges.policies(snapshot.connection, [quoted(name) for name in others])


def _keys(snapshot: Snapshot) -> Iterator[Problem]:
    """Yield what prevents keys from being converted to UUIDs."""
    columns = snapshot.keys
    for link in columns.composite:
        yield Problem(
            f"The keys are whole numbers, and the foreign key {link} has several columns, so they"
            " cannot be converted.",
            "Drop that foreign key, or convert the keys to uuid beforehand.",
        )
    links = name_conflicts.links_from_other_schemas(snapshot.connection, sorted(snapshot.ours))
    for table, name, where, _ in links:
        if table in columns.keys:
            yield Problem(
                f"The keys of {table} have to become UUIDs, and the foreign key {name} refers to"
                f" them from another schema: {where}.",
                "Drop that foreign key, or convert the keys to uuid beforehand.",
            )
    others = [name for name in columns.by_table() if name not in snapshot.ours]
    if columns.keys and others:
        yield from privileges.missing(snapshot.connection, others)
    for table, own in columns.by_table().items():
        yield from _dependents(snapshot, table, list(own), "a key", "which has to become a UUID")


def _types(snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the columns that cannot get the type they must have."""
    converted = snapshot.keys.places.keys() - snapshot.keys.text
    for one, name in existing_tables(snapshot):
        table, actual = one.step.after.tables[name], snapshot.found.tables[name]
        wrong = [
            pair
            for pair in wrong_types(table, actual)
            if pair[0] != column_before(one, name, pair[0].name)
            and (name, pair[0].name) not in converted
        ]
        for pair in wrong:
            yield from _conversion(snapshot, name, pair)
        if wrong:
            columns = [column.name for column, _ in wrong]
            yield from _dependents(snapshot, name, columns, "a column", "whose type has to change")


def _conversion(snapshot: Snapshot, table: str, pair: tuple[Column, Column]) -> Iterator[Problem]:
    column, actual = pair
    repaired = [
        f"({rule.where})"
        for rule in snapshot.rules
        if rule.table == table
        and column.name in rule.fixes
        and (rule.when == "before_types" or before_its_type(rule, actual))
    ]
    error = conversion_error(
        snapshot.connection, table, pair, snapshot.spec.zone, " OR ".join(repaired) or "false"
    )
    if error:
        yield Problem(
            f"The column {table}.{column.name} is {actual.type} instead of {column.type}, and"
            f" cannot be converted: {error}.",
            "Repair those values, or rename the column.",
        )


def _dependents(
    snapshot: Snapshot, table: str, columns: list[str], what: str, why: str
) -> Iterator[Problem]:
    for name, problem in dependents(snapshot.connection, table, columns):
        yield Problem(
            f"{name}{problem} reads {what} of {table} {why}.",
            f"Drop {name}, run migrate, and create it again.",
        )
