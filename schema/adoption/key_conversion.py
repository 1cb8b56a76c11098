"""Convert keys that are whole numbers or text to UUIDs, with every relation kept.

Text that spells a UUID becomes that UUID. A number becomes the same UUID wherever it is stored,
computed from the number, the table it is a key of, and a random text: no lookup is needed, and a
link without a foreign key is converted like the others. All of it is one transaction: links are
never half numbers, half UUIDs. The same transaction writes a table of old and new keys for each
converted table, by which links that nobody knows of can be converted later.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.adoption.row_repairs import key_of
from schema.adoption.type_changes import is_text
from schema.introspection.catalog import Catalog, Column, Constraint, quoted
from schema.introspection.views import views_over

TYPES = {"smallint", "integer", "bigint"}
Place = tuple[str, str]
"""A table and a column."""


@dataclass
class KeyColumns:
    """The columns that hold whole numbers, or text, and have to hold UUIDs."""

    keys: dict[str, str] = field(default_factory=dict)
    """The key of each table of ours that has to be converted."""
    places: dict[Place, str] = field(default_factory=dict)
    """Every column to convert, with the table whose keys it holds."""
    text: set[Place] = field(default_factory=set)
    """Those of them that hold text, which is to be a UUID already."""
    composite: list[str] = field(default_factory=list)
    """Foreign keys of several columns, which are beyond this."""

    def integer_keys(self) -> dict[str, str]:
        """Return the tables whose keys are whole numbers, with the key's column."""
        return {name: key for name, key in self.keys.items() if (name, key) not in self.text}

    def kept(self, found: Catalog) -> list[str]:
        """Return in words where the old keys are kept."""
        return [
            f"the old keys of {name}, in {old_keys_table(found, name)} (old_key, new_key)"
            for name in self.integer_keys()
        ]

    def by_table(self) -> dict[str, dict[str, str]]:
        """Return the columns of each table, with the table whose keys they hold."""
        tables: dict[str, dict[str, str]] = {}
        for (table, column), target in sorted(self.places.items()):
            tables.setdefault(table, {})[column] = target
        return tables


def key_columns(expected: Catalog, found: Catalog, spared: Container[Place] = ()) -> KeyColumns:
    """Return what is no UUID in `found` but is one in `expected`, and what links to it.

    `spared` are links of text that may be no UUIDs: a rule covers them.
    """
    result = KeyColumns()
    for name in (one for one in expected.tables if one in found.tables):
        key = key_of(expected, name)
        if actual := _instead_of_uuid(expected, found, name, key):
            result.keys[name] = key
            result.places[name, key] = name
            if is_text(actual):
                result.text.add((name, key))
    _add_expected_links(result, expected, found, spared)
    whole = result.integer_keys()
    for name, constraint in _links(found, result.keys):
        target = str(constraint.target)
        if len(constraint.columns) > 1:
            result.composite.append(f"{constraint.name} on {name}")
            continue
        result.places[name, constraint.columns[0]] = target
        if target not in whole:
            result.text.add((name, constraint.columns[0]))
    return result


def _add_expected_links(
    result: KeyColumns, expected: Catalog, found: Catalog, spared: Container[Place]
) -> None:
    """Add the columns of foreign keys that a migration creates, whether they exist or not."""
    whole = result.integer_keys()
    for name in (one for one in expected.tables if one in found.tables):
        for constraint in expected.tables[name].constraints:
            if constraint.kind != "foreign key" or not constraint.target:
                continue
            place = name, constraint.columns[0]
            actual = _instead_of_uuid(expected, found, *place)
            if actual is None:
                continue
            if constraint.target in whole or (whole and constraint.target not in found.tables):
                result.places[place] = constraint.target
            elif is_text(actual) and place not in spared:
                result.places[place] = constraint.target
                result.text.add(place)


def _instead_of_uuid(expected: Catalog, found: Catalog, table: str, column: str) -> Column | None:
    """Return the column, if it ought to hold UUIDs and holds whole numbers or text."""
    wanted = expected.tables[table].columns.get(column)
    actual = found.tables[table].columns.get(column)
    if wanted and actual and wanted.type == "uuid" and (actual.type in TYPES or is_text(actual)):
        return actual
    return None


def _links(found: Catalog, targets: Mapping[str, str]) -> Iterator[tuple[str, Constraint]]:
    for name, table in found.tables.items():
        for constraint in table.constraints:
            if constraint.kind == "foreign key" and constraint.target in targets:
                yield name, constraint


def conversion(
    connection: BaseDatabaseWrapper, found: Catalog, numbers: KeyColumns
) -> tuple[str, ...]:
    """Return the statements of one transaction that make every one of the columns a UUID."""
    salt = secrets.token_hex(16)
    tables = numbers.by_table()
    views = views_over(
        connection, [(table, column) for table, columns in tables.items() for column in columns]
    )
    links = list(_links(found, numbers.keys))
    dropped = [
        (table, trigger)
        for table, columns in tables.items()
        for trigger in found.tables[table].triggers_on(columns)
    ]
    return (
        f"LOCK TABLE {', '.join(map(quoted, tables))} IN ACCESS EXCLUSIVE MODE",
        *(
            statement
            for table, key in numbers.integer_keys().items()
            for statement in _old_keys(old_keys_table(found, table), table, key, salt)
        ),
        *(view.drop for view in reversed(views)),
        *(trigger.drop(table) for table, trigger in dropped),
        *(
            f"ALTER TABLE {quoted(table)} DROP CONSTRAINT {quoted(link.name)}"
            for table, link in links
        ),
        *(
            statement
            for table, columns in tables.items()
            for statement in _converted(table, columns, found, numbers, salt)
        ),
        *(
            f"ALTER TABLE {quoted(table)} ADD CONSTRAINT {quoted(link.name)} {link.definition}"
            + ("" if link.valid else " NOT VALID")
            for table, link in links
        ),
        *(statement for table, trigger in dropped for statement in trigger.create(table)),
        *(statement for view in views for statement in view.create),
    )


def old_keys_table(found: Catalog, table: str) -> str:
    """Return a free name for the table of the old and new keys of a table."""
    names = (f"schema_old_keys_{table}{number or ''}" for number in range(len(found.tables) + 1))
    return next(name for name in names if name not in found.tables)


def _old_keys(name: str, table: str, key: str, salt: str) -> Iterator[str]:
    yield (
        f"CREATE TABLE {quoted(name)} (old_key bigint PRIMARY KEY, new_key uuid NOT NULL UNIQUE)"
    )
    yield (
        f"INSERT INTO {quoted(name)} SELECT {quoted(key)}, {_new_key(salt, table, key)}"
        f" FROM {quoted(table)}"
    )


def _new_key(salt: str, target: str, column: str) -> str:
    """Return the expression for the UUID of a number that is, or refers to, a key of `target`.

    It has the version and variant of a random UUID (RFC 9562, section 5.4).
    """
    digits = f"md5('{salt} {target} ' || {quoted(column)})"
    return f"overlay(overlay({digits} placing '4' from 13) placing '8' from 17)::uuid"


def _converted(
    table: str, columns: Mapping[str, str], found: Catalog, numbers: KeyColumns, salt: str
) -> Iterator[str]:
    alter = f"ALTER TABLE {quoted(table)}"
    changes: list[str] = []
    for column, target in columns.items():
        change = f"ALTER COLUMN {quoted(column)}"
        known = found.tables[table].columns[column]
        if known.identity:
            yield f"{alter} {change} DROP IDENTITY"
        elif known.default is not None:
            yield f"{alter} {change} DROP DEFAULT"
            if sequence := re.match(r"nextval\('(.+)'::regclass\)\Z", known.default):
                defaults = [
                    one.default for other in found.tables.values() for one in other.columns.values()
                ]
                if defaults.count(known.default) == 1:
                    yield f"DROP SEQUENCE {sequence[1]}"
                else:
                    yield f"ALTER SEQUENCE {sequence[1]} OWNED BY NONE"
        using = _new_key(salt, target, column)
        if (table, column) in numbers.text:
            using = f"{quoted(column)}::text::uuid"
        changes.append(f"{change} TYPE uuid USING {using}")
    yield f"{alter} {', '.join(changes)}"
    if key := numbers.keys.get(table):
        yield f"{alter} ALTER COLUMN {quoted(key)} SET DEFAULT gen_random_uuid()"
