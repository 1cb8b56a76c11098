"""What an adoption would find and do, told before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import Error, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.adoption.key_conversion import Numbered, Place
from schema.adoption.match_step import Recognised, recognise, things
from schema.adoption.obstacles import Obstacle
from schema.adoption.preconditions import Inspection
from schema.adoption.row_repairs import has
from schema.adoption.spec import Facts, Repair, Rule
from schema.adoption.type_changes import mistyped
from schema.drift.compare import pair_constraints
from schema.drift.expected import Step
from schema.drift.migration_state import MigrationState
from schema.introspection.catalog import Catalog, Table, quoted
from schema.models import MigrationKey


@dataclass(frozen=True)
class Claim:
    """What the old tool recorded of one file."""

    file: str
    moment: datetime | None
    steps: tuple[MigrationKey, ...]
    true: bool
    """Whether anything of it is there."""
    lacking: list[str]
    """The columns it made that are not there."""


@dataclass
class Survey:
    """Everything found; `obstacles` have to go before anything is done."""

    steps: list[Recognised]
    history: str
    """The old tool's table."""
    claims: list[Claim] | None
    """None where the old tool's table is not there."""
    unknown_files: list[str]
    rows: dict[str, int]
    foreign_tables: list[str]
    foreign_columns: list[str]
    foreign_objects: list[str]
    repairs: list[tuple[str, int | None]] = field(default_factory=list)
    """What the rules will do, and to how many rows; None where that shows only later."""
    keys: list[str] = field(default_factory=list)
    """The columns of whole numbers that become UUIDs."""
    spelled: list[str] = field(default_factory=list)
    """The columns of text that become the UUIDs they spell."""
    conversions: list[str] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)


def survey(
    connection: BaseDatabaseWrapper,
    facts: Facts,
    steps: Sequence[Step],
    later: Sequence[Step],
    found: Catalog,
    tables: Sequence[str],
) -> Survey:
    """Look at the database that `found` was read from; change nothing.

    `tables` are those that the steps are about; `later` is what is run after them.
    """
    recognised = [recognise(step, found) for step in steps]
    expected = steps[-1].after
    ours = [name for name in found.tables if name in tables and name in expected.tables]
    claims, unknown = _claims(connection, facts, recognised, found)
    looked = Inspection(connection, facts, found, recognised, later)
    return Survey(
        steps=recognised,
        history=facts.history.table,
        claims=claims,
        unknown_files=unknown,
        rows={name: _count(connection, f"SELECT count(*) FROM {quoted(name)}") for name in ours},
        foreign_tables=[
            name
            for name in found.tables
            if name not in expected.tables and name != facts.history.table
        ],
        foreign_columns=[
            f"{name}.{column}"
            for name in ours
            for column in found.tables[name].columns
            if column not in expected.tables[name].columns
        ],
        foreign_objects=[
            *_constraints(found, expected, ours),
            *_triggers(found, expected, ours),
            *_views(connection),
        ],
        repairs=list(_repairs(connection, looked.rules())),
        keys=_places(set(looked.numbers.places) - looked.numbers.spelled),
        spelled=_places(looked.numbers.spelled),
        conversions=list(_conversions(recognised, found, looked.numbers)),
        obstacles=looked.find(),
    )


def _places(places: Iterable[Place]) -> list[str]:
    return [".".join(place) for place in sorted(places)]


def _claims(
    connection: BaseDatabaseWrapper, facts: Facts, steps: list[Recognised], found: Catalog
) -> tuple[list[Claim] | None, list[str]]:
    history = facts.history
    if not has(found, f"{history.table}.{history.file}"):
        return None, []
    moment = "NULL"
    if column := found.tables[history.table].columns.get(history.moment):
        moment = f"{quoted(column.name)}::text"
        if column.type.startswith("timestamp"):
            moment = f"""to_char({quoted(column.name)}, 'YYYY-MM-DD"T"HH24:MI:SS.US')"""
    known: list[Claim] = []
    unknown: list[str] = []
    states = {one.key: one.state for one in steps}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {quoted(history.file)}::text, {moment} FROM {quoted(history.table)}"
            f" WHERE {quoted(history.file)}::text <> '' ORDER BY 2, 1"
        )
        for file, moment in cursor.fetchall():
            if file not in facts.files:
                unknown.append(file)
                continue
            keys = facts.files[file]
            begun = [states[key] for key in keys if key in states]
            # What is recorded as applied already needs no claim to be true.
            true = not begun or begun[0] in {MigrationState.APPLIED, MigrationState.PARTIAL}
            lacking = [one for one in facts.columns.get(file, ()) if not has(found, one)]
            known.append(Claim(file, _as_utc(moment), keys, true, lacking))
    return known, unknown


def _as_utc(moment: str | None) -> datetime | None:
    """Return a time written without a zone; None for what is no time, or beyond all calendars."""
    try:
        return datetime.fromisoformat(moment or "").replace(tzinfo=UTC)
    except ValueError:
        return None


def _repairs(
    connection: BaseDatabaseWrapper, rules: Sequence[Rule]
) -> Iterator[tuple[str, int | None]]:
    counted: set[str] = set()
    for rule in rules:
        where = rule.foretold if isinstance(rule, Repair) and rule.foretold else rule.where
        if rule.kind in counted:
            continue
        try:
            with transaction.atomic(using=connection.alias):
                count = _count(
                    connection,
                    f"SELECT count(*) FROM {quoted(rule.table)} AS one WHERE {where}",
                )
        except Error:  # it reads what an earlier step makes or mends
            yield rule.kind, None
            continue
        counted.add(rule.kind)
        if count:
            yield rule.kind, count


def _conversions(steps: list[Recognised], found: Catalog, numbers: Numbered) -> Iterator[str]:
    for one in steps:
        if one.state is not MigrationState.PARTIAL:
            continue
        own = {(table, getattr(thing, "name", "")) for table, thing in things(one.step)}
        for name, table in one.step.after.tables.items():
            if name in found.tables:
                for column, there in mistyped(table, found.tables[name]):
                    if (name, column.name) in own and (name, column.name) not in numbers.places:
                        yield f"{name}.{column.name} from {there.type} to {column.type}"


def _constraints(found: Catalog, expected: Catalog, ours: list[str]) -> Iterator[str]:
    for name in ours:
        pairs = pair_constraints(expected.tables[name].constraints, found.tables[name].constraints)
        taken = {there.name for _, there in pairs if there}
        for one in found.tables[name].constraints:
            if one.name not in taken and one.kind in {"check", "unique", "exclusion"}:
                yield f"{one.kind} {one.name} on {name}"


def _triggers(found: Catalog, expected: Catalog, ours: list[str]) -> Iterator[str]:
    for name in ours:
        table: Table = found.tables[name]
        for trigger in table.triggers:
            if trigger not in expected.tables[name].triggers:
                yield f"trigger {trigger} on {name}"


def _views(connection: BaseDatabaseWrapper) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace ="
            " (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) ORDER BY relname"
        )
        for (name,) in cursor.fetchall():
            yield f"view {name}"


def _count(connection: BaseDatabaseWrapper, sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        count: int = cursor.fetchone()[0]
        return count
