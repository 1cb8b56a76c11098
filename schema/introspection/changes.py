"""What a migration changed: the difference between two catalogs, in a form that JSON can hold.

A change set names every object with its kind, its table and its name, with its state before
and after. An object that was made has no before, one that was removed no after. On PostgreSQL
an object is stored by its properties; on SQLite, by the statement that creates it:

    {"server": "postgresql 18",
     "changes": [{"kind": "table", "table": "zoo_cage", "name": "zoo_cage", "after": {}},
                 {"kind": "column", "table": "zoo_cage", "name": "id",
                  "after": {"type": "bigint", "nullable": false}},
                 {"kind": "index", "table": "zoo_keeper", "name": "zoo_old_idx",
                  "before": {"definition": "zoo_keeper USING btree (name)"}}]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection.catalog import (
    Catalog,
    Column,
    Constraint,
    Function,
    Index,
    SchemaObject,
    Table,
    Trigger,
)
from schema.introspection.sqlite import parse_object

KINDS: dict[str, type[Any]] = {
    "table": Table,
    "column": Column,
    "constraint": Constraint,
    "index": Index,
    "trigger": Trigger,
    "function": Function,
}
NAMES = {kind: name for name, kind in KINDS.items()}
NOT_STORED = {"name", "signature", "canonical", "sql"}
"""Fields that stand elsewhere in the entry, or that can be derived from the others."""


class ObjectKey(NamedTuple):
    """The identity of a schema object; `table` is empty for a function."""

    kind: str
    table: str
    name: str


Objects = dict[ObjectKey, SchemaObject]


@dataclass(frozen=True)
class ChangeSet:
    """The objects that a migration made, changed or removed, before and after it."""

    before: Objects = field(default_factory=dict)
    after: Objects = field(default_factory=dict)


def flatten(catalog: Catalog) -> Objects:
    """Return every object of the catalog on its own.

    SQLite keeps columns and constraints in the statement of their table, so there the table
    has them still.
    """
    whole = catalog.vendor == "sqlite"
    objects: Objects = {}
    for signature, function in catalog.functions.items():
        objects[ObjectKey("function", "", signature)] = function
    for table in catalog.tables.values():
        own = table.without_parts()
        if whole:
            own = Table(
                table.name,
                table.columns,
                table.constraints,
                options=table.options,
                sql=table.sql,
                items=table.items,
            )
        objects[ObjectKey("table", table.name, table.name)] = own
        for part in table.parts():
            if not (whole and isinstance(part, Column | Constraint)):
                objects[ObjectKey(NAMES[type(part)], table.name, part.name)] = part
    return objects


def assemble(vendor: str, objects: Mapping[ObjectKey, SchemaObject], tables: Catalog) -> Catalog:
    """Return the catalog of `objects`.

    Parts of a table that is not among them are put on that table as it is in `tables`, without
    its other parts; where it is not there either, they are left out.
    """
    catalog = Catalog(vendor)
    for key, one in objects.items():
        if isinstance(one, Function):
            catalog.functions[key.name] = one
        elif isinstance(one, Table):
            catalog.tables[key.table] = Table(
                one.name,
                dict(one.columns),
                list(one.constraints),
                options=one.options,
                sql=one.sql,
                items=one.items,
            )
    for key, one in objects.items():
        if isinstance(one, Function | Table):
            continue
        if key.table not in catalog.tables and key.table in tables.tables:
            catalog.tables[key.table] = tables.tables[key.table].without_parts()
        if key.table in catalog.tables:
            catalog.tables[key.table].add(one)
    return catalog


def changes(before: Catalog, after: Catalog) -> ChangeSet:
    """Return what is different in `after`."""
    old, new = flatten(before), flatten(after)
    return ChangeSet(
        before={key: one for key, one in old.items() if new.get(key) != one},
        after={key: one for key, one in new.items() if old.get(key) != one},
    )


def apply_changes(objects: dict[ObjectKey, SchemaObject | None], change_set: ChangeSet) -> None:
    """Bring `objects` up to date; what was removed stays there as None."""
    removed = change_set.before.keys() - change_set.after.keys()
    tables = {key.table for key in removed if key.kind == "table"}
    parts = {key for key in objects if key.table in tables}
    objects.update(dict.fromkeys(removed | parts))
    objects.update(change_set.after)


def server_of(connection: BaseDatabaseWrapper) -> str:
    """Return the engine and its major version: "postgresql 18"."""
    if connection.vendor != "postgresql":
        return connection.vendor
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::integer / 10000")
        return f"postgresql {cursor.fetchone()[0]}"


def to_json(change_set: ChangeSet, server: str) -> dict[str, Any]:
    """Return the change set as JSON can hold it."""
    entries = []
    for key in dict.fromkeys([*change_set.before, *change_set.after]):
        entry: dict[str, Any] = key._asdict()
        for side in ("before", "after"):
            one = getattr(change_set, side).get(key)
            if one is not None:
                entry[side] = {"sql": one.sql} if server == "sqlite" else dict(_properties(one))
        entries.append(entry)
    return {"server": server, "changes": entries}


def from_json(document: Mapping[str, Any]) -> ChangeSet:
    """Return the change set that `to_json` wrote."""
    change_set = ChangeSet()
    for entry in document["changes"]:
        key = ObjectKey(entry["kind"], entry["table"], entry["name"])
        for side, objects in (("before", change_set.before), ("after", change_set.after)):
            if side in entry:
                objects[key] = (
                    parse_object(key.kind, key.name, entry[side]["sql"])
                    if document["server"] == "sqlite"
                    else _from_properties(key, entry[side])
                )
    return change_set


def _properties(one: SchemaObject) -> Iterator[tuple[str, Any]]:
    """Yield the properties that are not as by default."""
    for own in fields(one):
        value = getattr(one, own.name)
        if own.name in NOT_STORED or (isinstance(one, Table) and own.name != "options"):
            continue
        if own.default is MISSING or value != own.default:
            yield own.name, list(value) if isinstance(value, tuple) else value


def _from_properties(key: ObjectKey, properties: Mapping[str, Any]) -> SchemaObject:
    given = dict(properties)
    match key.kind:
        case "function":
            return Function(key.name, **given)
        case "constraint":
            columns = tuple(given.pop("columns", ()))
            return Constraint(key.name, given.pop("kind"), columns=columns, **given)
        case "trigger":
            return Trigger(key.name, sql=given["definition"], **given)
    one: SchemaObject = KINDS[key.kind](key.name, **given)
    return one
