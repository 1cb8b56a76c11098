"""Read from PostgreSQL's catalog what hangs on a table, as statements that make it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schema.introspection.catalog import quoted

HERE = "quote_ident(current_schema())::regnamespace"
TABLE = f"(SELECT oid FROM pg_class WHERE relnamespace = {HERE} AND relname = %s)"  # noqa: S608 - a constant
# A foreign key belongs to both tables: dropped with one, it is missing on the other.
CONSTRAINTS = f"""
    SELECT conname, conrelid::regclass::text, conrelid = {TABLE}, contype,
           pg_get_constraintdef(oid),
           (SELECT array_agg(attname::text) FROM pg_attribute
            WHERE attrelid = conrelid AND attnum = ANY (conkey))
    FROM pg_constraint
    WHERE (conrelid = {TABLE} OR confrelid = {TABLE}) AND contype IN ('c', 'u', 'x', 'f', 'p')
      AND conparentid = 0
    ORDER BY oid
"""  # noqa: S608 - constants
INDEXES = f"""
    SELECT index.relname, pg_get_indexdef(indexrelid), indisunique,
           ARRAY(SELECT attname::text FROM pg_depend JOIN pg_attribute
                 ON attrelid = refobjid AND attnum = refobjsubid
                 WHERE classid = 'pg_class'::regclass AND objid = indexrelid
                   AND refobjid = indrelid AND refobjsubid > 0)
    FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
    WHERE indrelid = {TABLE} AND NOT EXISTS (
        SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x')
    )
    ORDER BY indexrelid
"""  # noqa: S608 - constants
TRIGGERS = f"""
    SELECT tgname, pg_get_triggerdef(pg_trigger.oid),
           ARRAY(SELECT attname::text FROM pg_depend JOIN pg_attribute
                 ON attrelid = refobjid AND attnum = refobjsubid
                 WHERE classid = 'pg_trigger'::regclass AND objid = pg_trigger.oid
                   AND refobjid = tgrelid AND refobjsubid > 0)
    FROM pg_trigger WHERE tgrelid = {TABLE} AND NOT tgisinternal ORDER BY oid
"""  # noqa: S608 - constants
COLUMNS = f"""
    SELECT attname::text, format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid), attidentity <> '' OR attgenerated <> ''
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = {TABLE} AND attnum > 0 AND NOT attisdropped
"""  # noqa: S608 - constants
# Everything whose name is the schema's: indexes and the sequences of columns.
OWN_NAMES = f"""
    SELECT relname::text, relkind = 'S' FROM pg_class
    WHERE oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = {TABLE})
       OR relkind = 'S' AND oid IN (
           SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass
             AND refclassid = 'pg_class'::regclass AND refobjid = {TABLE} AND deptype IN ('a', 'i')
       )
    ORDER BY oid
"""  # noqa: S608 - constants
VIEWS = f"""
    SELECT DISTINCT ev_class::regclass::text FROM pg_depend
    JOIN pg_rewrite ON pg_rewrite.oid = objid
    WHERE classid = 'pg_rewrite'::regclass AND refobjid = {TABLE} AND ev_class <> refobjid
      AND (%s = '' OR refobjsubid IN (
          SELECT attnum FROM pg_attribute WHERE attrelid = refobjid AND attname = %s))
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Part:
    """A constraint, an index or a trigger."""

    kind: str
    """pg_constraint.contype, "index" or "trigger"."""
    table: str
    """Quoted."""
    name: str
    sql: str
    """The definition of a constraint, the statement that makes another part."""
    columns: tuple[str, ...]
    """Of its own table."""
    unique: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what tells it from others."""
        return ("trigger" if self.kind == "trigger" else "", self.table, self.name)

    def drop(self) -> str:
        """Return the statement that drops it, with what depends on it."""
        if self.kind == "index":
            return f"DROP INDEX {quoted(self.name)}"
        if self.kind == "trigger":
            return f"DROP TRIGGER {quoted(self.name)} ON {self.table}"
        return f"ALTER TABLE {self.table} DROP CONSTRAINT {quoted(self.name)} CASCADE"

    def add(self, state: str = "") -> str:
        """Return the statement that makes it, of a constraint with `state` (NOT VALID)."""
        if self.kind in {"index", "trigger"}:
            return self.sql
        return f"ALTER TABLE {self.table} ADD CONSTRAINT {quoted(self.name)} {self.sql}{state}"


@dataclass(frozen=True)
class Column:
    """A column of a table as it is now."""

    type: str
    not_null: bool
    default: str | None
    computed: bool
    """An identity or a generated column."""


def parts(cursor: Any, table: str) -> list[Part]:
    """Return the constraints, indexes and triggers of `table`, and foreign keys to it."""
    cursor.execute(CONSTRAINTS, [table, table, table])
    found = [
        Part(
            kind,
            quoted(table) if own else on,
            name,
            sql.removesuffix(" NOT VALID"),
            tuple(columns or ()),
        )
        for name, on, own, kind, sql, columns in cursor.fetchall()
    ]
    cursor.execute(INDEXES, [table])
    found += [
        Part("index", quoted(table), name, sql, tuple(columns), unique)
        for name, sql, unique, columns in cursor.fetchall()
    ]
    cursor.execute(TRIGGERS, [table])
    found += [
        Part("trigger", quoted(table), name, sql, tuple(columns))
        for name, sql, columns in cursor.fetchall()
    ]
    return found


def columns(cursor: Any, table: str) -> dict[str, Column]:
    """Return the columns of `table`; none where it does not exist."""
    cursor.execute(COLUMNS, [table])
    return {name: Column(*row) for name, *row in cursor.fetchall()}


def own_names(cursor: Any, table: str) -> list[tuple[str, bool]]:
    """Return the names of the indexes and sequences of `table`, and whether it is a sequence."""
    cursor.execute(OWN_NAMES, [table, table])
    return [(name, bool(sequence)) for name, sequence in cursor.fetchall()]


def views(cursor: Any, table: str, column: str = "") -> list[str]:
    """Return the views that read `table`, or its `column`."""
    cursor.execute(VIEWS, [table, column, column])
    return [row[0] for row in cursor.fetchall()]
