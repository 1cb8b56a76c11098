"""Find columns that look like links to converted keys but have no foreign key.

It is not certain what they refer to, so they are not changed: the report names each one,
how many of its values are keys, and the SQL that converts it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import Error, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.adoption.key_conversion import TYPES, KeyColumns, old_keys_table
from schema.adoption.type_changes import is_text
from schema.introspection.catalog import Catalog, Column, quoted

LINK = re.compile(r"_ids?$|Ids?$")
NUMBER = "'^[0-9]{1,18}$'"
JSON_KEYS = """
    SELECT e.key, count(*)
    FROM {table}, jsonb_path_query({column}::jsonb, 'strict $.**') AS o,
         jsonb_each_text(CASE jsonb_typeof(o) WHEN 'object' THEN o ELSE '{{}}' END) AS e
    WHERE e.key ~ '(_id|Id)$' AND e.value ~ {number}
    GROUP BY e.key ORDER BY e.key
"""


@dataclass(frozen=True)
class Link:
    """A place that may hold keys: how to read its values as text, and how to convert them."""

    name: str
    values: str
    """A query that returns the values, as text, in a column called value."""
    convert: str
    """The SQL that converts it, with {keys} for the table of old and new keys."""


def link_notes(
    connection: BaseDatabaseWrapper, found: Catalog, columns: KeyColumns
) -> Iterator[str]:
    """Yield a line for each column that looks like a link, with the SQL that converts it."""
    targets = columns.integer_keys()
    if not targets:
        return
    for link in _links(connection, found, columns):
        counts = {
            target: _matches(connection, link, target, key) for target, key in targets.items()
        }
        target = max(counts, key=lambda one: (_is_named_after(link.name, one), counts[one][0]))
        matching, total = counts[target]
        if not total:
            continue
        keys = old_keys_table(found, target)
        yield (
            f"{link.name} looks like a link to {target} without a foreign key: {matching:,} of"
            f" {total:,} values are keys. It keeps the old numbers. To convert it afterwards:"
        )
        yield f"  {link.convert.replace('{keys}', quoted(keys))}"


def _links(connection: BaseDatabaseWrapper, found: Catalog, columns: KeyColumns) -> Iterator[Link]:
    for name, table in found.tables.items():
        if name.startswith(("django_", "auth_", "schema_")):
            continue
        for column in table.columns.values():
            if (name, column.name) in columns.places:
                continue
            if column.type in {"json", "jsonb"}:
                yield from _json_links(connection, name, column.name)
            elif LINK.search(column.name):
                yield from _column_links(name, column)


def _column_links(table: str, column: Column) -> Iterator[Link]:
    name, own, place = f"{table}.{column.name}", quoted(column.name), quoted(table)
    new = quoted(f"{column.name}_uuid")
    element = column.type.removesuffix("[]")
    if column.type != element and element in TYPES:
        yield Link(
            name,
            f"SELECT unnest({own})::text AS value FROM {place}",
            f"ALTER TABLE {place} ADD COLUMN {new} uuid[]; UPDATE {place} AS t SET {new} ="
            f" ARRAY(SELECT k.new_key FROM unnest(t.{own}) WITH ORDINALITY AS u (old, place)"
            " JOIN {keys} AS k ON k.old_key = u.old ORDER BY u.place);",
        )
    elif column.type in TYPES:
        yield Link(
            name,
            f"SELECT {own}::text AS value FROM {place}",
            f"ALTER TABLE {place} ADD COLUMN {new} uuid; UPDATE {place} AS t SET {new} ="
            f" k.new_key FROM {{keys}} AS k WHERE k.old_key = t.{own};",
        )
    elif is_text(column):
        yield Link(
            name,
            f"SELECT {own} AS value FROM {place} WHERE {own} ~ {NUMBER}",
            f"UPDATE {place} AS t SET {own} = k.new_key::text FROM {{keys}} AS k"
            f" WHERE k.old_key::text = t.{own};",
        )


def _json_links(connection: BaseDatabaseWrapper, table: str, column: str) -> Iterator[Link]:
    """Yield the keys of JSON objects, at any depth, that look like links."""
    own, place = quoted(column), quoted(table)
    rows = _fetch(connection, JSON_KEYS.format(table=place, column=own, number=NUMBER))
    for key, _ in rows:
        literal = str(key).replace("'", "''")
        yield Link(
            f"{table}.{column} (JSON key {key})",
            f"SELECT e.value FROM {place}, jsonb_path_query({own}::jsonb, 'strict $.**') AS o,"
            " jsonb_each_text(CASE jsonb_typeof(o) WHEN 'object' THEN o ELSE '{}' END) AS e"
            f" WHERE e.key = '{literal}' AND e.value ~ {NUMBER}",
            f"UPDATE {place} AS t SET {own} = jsonb_set(t.{own}::jsonb, ARRAY['{literal}'],"
            f" to_jsonb(k.new_key)) FROM {{keys}} AS k"
            f" WHERE k.old_key::text = t.{own} ->> '{literal}';",
        )


def _matches(connection: BaseDatabaseWrapper, link: Link, target: str, key: str) -> tuple[int, int]:
    """Return how many of the values are keys of `target`, and how many values it has."""
    rows = _fetch(
        connection,
        f"SELECT count(k.key), count(v.value) FROM ({link.values}) AS v LEFT JOIN"
        f" (SELECT {quoted(key)}::text AS key FROM {quoted(target)}) AS k ON k.key = v.value",
    )
    matching, total = rows[0] if rows else (0, 0)
    return int(str(matching)), int(str(total))


def _is_named_after(name: str, table: str) -> bool:
    """Return whether a link's name holds the table's, in the singular: about_user_id, users."""
    return table.removesuffix("s").replace("_", "") in name.rpartition(".")[2].lower().replace(
        "_", ""
    )


def _fetch(connection: BaseDatabaseWrapper, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query; none where the table may not be read."""
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(sql)
            rows: list[tuple[object, ...]] = cursor.fetchall()
            return rows
    except Error:
        return []
