"""Assess a database: what exists, what an adoption would do, and what prevents it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from schema.adoption.key_conversion import Place
from schema.adoption.link_columns import link_notes
from schema.adoption.match_step import MatchedStep, objects_of
from schema.adoption.preconditions import find_problems
from schema.adoption.row_repairs import has
from schema.adoption.snapshot import EXISTS, Snapshot
from schema.adoption.spec import Repair
from schema.adoption.type_changes import wrong_types
from schema.drift.compare import pair_constraints
from schema.drift.migration_state import MigrationState
from schema.introspection.catalog import Catalog, Column, quoted
from schema.models import MigrationKey
from schema.report import Problem

OWNERS_OBJECTS = """
    SELECT 'view ' || c.relname, 1 FROM pg_class AS c
    WHERE c.relkind IN ('v', 'm') AND c.relnamespace = quote_ident(current_schema())::regnamespace
    UNION ALL
    SELECT format('policy %%s on %%s', p.polname, c.relname), 2
    FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relname = ANY (%s)
    UNION ALL
    SELECT format('rule %%s on %%s', r.rulename, c.relname), 3
    FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relname = ANY (%s)
      AND r.rulename <> '_RETURN'
    UNION ALL
    SELECT format('%%s %%s', CASE y.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, y.typname), 4
    FROM pg_type AS y
    WHERE y.typnamespace = quote_ident(current_schema())::regnamespace
      AND y.typtype IN ('e', 'd', 'r')
    UNION ALL
    SELECT format('event trigger %%s', e.evtname), 5 FROM pg_event_trigger AS e
    UNION ALL
    SELECT format('publication %%s of %%s', p.pubname, p.tablename), 6
    FROM pg_publication_tables AS p
    WHERE p.schemaname = current_schema() AND p.tablename = ANY (%s)
    ORDER BY 2, 1
"""
ROUND_TRIPS = 5
"""How many queries measure the distance to the server."""


@dataclass(frozen=True)
class Claim:
    """What the old tool recorded of one file."""

    file: str
    applied_at: datetime | None
    steps: tuple[MigrationKey, ...]
    is_true: bool
    """Whether anything of it exists."""
    lacking: list[str]
    """The columns it created that do not exist."""


@dataclass
class Assessment:
    """Everything found; while there are `problems`, nothing is changed."""

    steps: list[MatchedStep]
    history: str
    """The old tool's table."""
    claims: list[Claim] | None
    """None where the old tool's table does not exist."""
    unknown_files: list[str]
    rows: dict[str, int]
    foreign_tables: list[str]
    foreign_columns: list[str]
    foreign_objects: list[str]
    repairs: list[tuple[str, int | None]] = field(default_factory=list)
    """What the rules will do, and to how many rows; None where that is known only later."""
    keys: list[str] = field(default_factory=list)
    """The columns of whole numbers that become UUIDs."""
    text_keys: list[str] = field(default_factory=list)
    """The columns of text that become UUIDs."""
    conversions: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def assess(snapshot: Snapshot) -> Assessment:
    """Assess the database of `snapshot`; only reads."""
    claims, unknown = _claims(snapshot)
    text = snapshot.keys.text
    return Assessment(
        steps=list(snapshot.steps),
        history=snapshot.spec.tracking.table,
        claims=claims,
        unknown_files=unknown,
        rows={
            name: snapshot.fetch(f"SELECT count(*) FROM {quoted(name)}")[0][0]
            for name in snapshot.ours
        },
        foreign_tables=[
            name
            for name in snapshot.found.tables
            if name not in snapshot.expected.tables and name != snapshot.spec.tracking.table
        ],
        foreign_columns=[
            f"{name}.{column}"
            for name in snapshot.ours
            for column in snapshot.found.tables[name].columns
            if column not in snapshot.expected.tables[name].columns
        ],
        foreign_objects=list(_foreign_objects(snapshot)),
        repairs=list(_repairs(snapshot)),
        keys=_names(set(snapshot.keys.places) - text),
        text_keys=_names(text),
        conversions=list(_conversions(snapshot)),
        renamed=list(snapshot.renamed),
        notes=[
            f"A round trip to the server takes {_round_trip(snapshot) * 1000:.2f} ms.",
            *link_notes(snapshot.connection, snapshot.found, snapshot.keys),
        ],
        problems=find_problems(snapshot),
    )


def _names(places: Iterable[Place]) -> list[str]:
    return [".".join(place) for place in sorted(places)]


def _round_trip(snapshot: Snapshot) -> float:
    """Return the shortest of a few round trips, in seconds."""
    durations = []
    with snapshot.connection.cursor() as cursor:
        for _ in range(ROUND_TRIPS):
            begin = time.monotonic()
            cursor.execute("SELECT 1")
            durations.append(time.monotonic() - begin)
    return min(durations)


def _claims(snapshot: Snapshot) -> tuple[list[Claim] | None, list[str]]:
    tracking, found = snapshot.spec.tracking, snapshot.found
    if not has(found, f"{tracking.table}.{tracking.file}"):
        return None, []
    column = found.tables[tracking.table].columns.get(tracking.applied_at)
    applied_at = _as_text(column) if column else "NULL"
    known: list[Claim] = []
    unknown: list[str] = []
    states = {one.key: one.state for one in snapshot.steps}
    rows = snapshot.fetch(
        f"SELECT {quoted(tracking.file)}::text, {applied_at} FROM {quoted(tracking.table)}"
        f" WHERE {quoted(tracking.file)}::text <> '' ORDER BY 2, 1"
    )
    for file, at in rows:
        if file not in snapshot.spec.files:
            unknown.append(file)
            continue
        keys = snapshot.spec.files[file]
        pending = [states[key] for key in keys if key in states]
        # What is recorded as applied already needs no proof.
        is_true = not pending or pending[0] in EXISTS
        lacking = [one for one in snapshot.spec.columns.get(file, ()) if not has(found, one)]
        known.append(Claim(file, _as_utc(at), keys, is_true, lacking))
    return known, unknown


def _as_text(column: Column) -> str:
    """Return the expression of a time as ISO 8601, whatever its type; whole numbers are epochs."""
    name = quoted(column.name)
    if column.type == "timestamp with time zone":
        name = f"({name} AT TIME ZONE 'UTC')"
    elif column.type in {"integer", "bigint"}:  # of seconds, or of thousandths of them and so on
        size = f"abs({name}::numeric)"
        seconds = (
            f"{name} / CASE WHEN {size} < 1e11 THEN 1.0 WHEN {size} < 1e14 THEN 1e3"
            f" WHEN {size} < 1e17 THEN 1e6 ELSE 1e9 END"
        )
        name = f"(to_timestamp({seconds}) AT TIME ZONE 'UTC')"
    elif not column.type.startswith("timestamp"):
        return f"{name}::text"
    return f"""to_char({name}, 'YYYY-MM-DD"T"HH24:MI:SS.US')"""


def _as_utc(applied_at: str | None) -> datetime | None:
    """Return a time, UTC without a zone; None for what is not a time that Python can hold."""
    try:
        found = datetime.fromisoformat(applied_at or "")
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _repairs(snapshot: Snapshot) -> Iterator[tuple[str, int | None]]:
    counted: set[str] = set()
    for rule in snapshot.rules:
        if rule.kind in counted:
            continue
        where = (isinstance(rule, Repair) and rule.planned_where) or rule.where
        rows = snapshot.try_fetch(f"SELECT count(*) FROM {quoted(rule.table)} AS one WHERE {where}")
        if rows is None:  # it reads what an earlier step creates or repairs
            yield rule.kind, None
            continue
        counted.add(rule.kind)
        if rows[0][0]:
            yield rule.kind, rows[0][0]


def _conversions(snapshot: Snapshot) -> Iterator[str]:
    for one in snapshot.steps:
        if one.state is not MigrationState.PARTIAL:
            continue
        own = {(table, getattr(part, "name", "")) for table, part in objects_of(one.step)}
        for name, table in one.step.after.tables.items():
            if name not in snapshot.found.tables:
                continue
            for column, actual in wrong_types(table, snapshot.found.tables[name]):
                place = name, column.name
                if place in own and place not in snapshot.keys.places:
                    yield f"{name}.{column.name} from {actual.type} to {column.type}"


def _foreign_objects(snapshot: Snapshot) -> Iterator[str]:
    found, expected, ours = snapshot.found, snapshot.expected, snapshot.ours
    yield from _foreign_constraints(found, expected, ours)
    for name in ours:
        for trigger in found.tables[name].triggers:
            if trigger not in expected.tables[name].triggers:
                yield f"trigger {trigger} on {name}"
    with snapshot.connection.cursor() as cursor:
        cursor.execute(OWNERS_OBJECTS, [ours, ours, ours])
        yield from (name for name, _ in cursor.fetchall())


def _foreign_constraints(found: Catalog, expected: Catalog, ours: list[str]) -> Iterator[str]:
    for name in ours:
        pairs = pair_constraints(expected.tables[name].constraints, found.tables[name].constraints)
        taken = {actual.name for _, actual in pairs if actual}
        for one in found.tables[name].constraints:
            if one.name not in taken and one.kind in {"check", "unique", "exclusion"}:
                yield f"{one.kind} {one.name} on {name}"
