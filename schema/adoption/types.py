"""Changing the type of a column that people gave another one by hand.

PostgreSQL refuses while a view or a trigger reads the column, so those are lifted off and put
back exactly, in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import Error, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.catalog import Column, Table, quoted

VARYING = re.compile(r"character varying\((\d+)\)\Z")
WITHOUT_ZONE = "timestamp without time zone"
WITH_ZONE = "timestamp with time zone"

# Every view over the columns, and every view over those, the innermost first.
VIEWS = """
    WITH RECURSIVE above (view, depth) AS (
        SELECT r.ev_class, 1
        FROM pg_depend AS d
        JOIN pg_rewrite AS r ON r.oid = d.objid
        JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
          AND r.ev_class <> d.refobjid
          AND d.refobjid = to_regclass(%s) AND a.attname = ANY (%s)
        UNION
        SELECT r.ev_class, above.depth + 1
        FROM above
        JOIN pg_depend AS d ON d.refobjid = above.view
        JOIN pg_rewrite AS r ON r.oid = d.objid AND r.ev_class <> above.view
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
    )
    SELECT c.oid::regclass::text, c.relkind, pg_get_viewdef(c.oid), quote_ident(o.rolname),
           array_to_string(c.reloptions, ', '), obj_description(c.oid, 'pg_class'),
           ARRAY(
               SELECT format('GRANT %%s ON %%s TO %%s', g.privilege_type, c.oid::regclass,
                             CASE WHEN g.grantee = 0 THEN 'PUBLIC'
                                  ELSE quote_ident(pg_get_userbyid(g.grantee)) END)
                      || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
               FROM aclexplode(c.relacl) AS g WHERE g.grantee <> c.relowner
           ),
           EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
           OR EXISTS (SELECT FROM pg_rewrite AS w
                      WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN'),
           pg_has_role(c.relowner, 'USAGE')
    FROM (SELECT view, max(depth) AS depth FROM above GROUP BY view) AS v
    JOIN pg_class AS c ON c.oid = v.view
    JOIN pg_roles AS o ON o.oid = c.relowner
    ORDER BY v.depth, c.oid
"""


@dataclass(frozen=True)
class View:
    """A view that stands in the way, and what makes it again."""

    name: str
    create: tuple[str, ...]
    problem: str = ""
    """Why it cannot be lifted off and put back."""


def views_over(connection: BaseDatabaseWrapper, table: str, columns: Sequence[str]) -> list[View]:
    """Return the views that read one of the columns, innermost first."""
    with connection.cursor() as cursor:
        cursor.execute(VIEWS, [quoted(table), list(columns)])
        rows = cursor.fetchall()
    views: list[View] = []
    for name, kind, definition, owner, options, comment, grants, extras, mine in rows:
        problem = ""
        if kind != "v":
            problem = "is a materialized view"
        elif extras:
            problem = "has triggers or rules of its own"
        elif not mine:
            problem = f"belongs to {owner}"
        settings = f" WITH ({options})" if options else ""
        create = [f"CREATE VIEW {name}{settings} AS {definition.rstrip().rstrip(';')}"]
        create.append(f"ALTER VIEW {name} OWNER TO {owner}")
        if comment is not None:
            doubled = comment.replace("'", "''")
            create.append(f"COMMENT ON VIEW {name} IS '{doubled}'")
        views.append(View(name, (*create, *grants), problem))
    return views


def mistyped(table: Table, there: Table) -> list[tuple[Column, Column]]:
    """Return the columns whose type is not the expected one, as expected and as found."""
    return [
        (column, there.columns[name])
        for name, column in table.columns.items()
        if name in there.columns
        and (column.type, column.collation)
        != (there.columns[name].type, there.columns[name].collation)
    ]


def converted(column: Column, there: Column, zone: str) -> str:
    """Return the expression that turns what is there into the expected type."""
    name = quoted(column.name)
    if (column.type, there.type) == (WITH_ZONE, WITHOUT_ZONE):
        return f"{name} AT TIME ZONE '{zone}'"
    return f"{name}::text::{column.type}"


def retyping(
    connection: BaseDatabaseWrapper, table: Table, there: Table, zone: str
) -> tuple[str, ...]:
    """Return one transaction's statements that give every column of a table its type."""
    wrong = mistyped(table, there)
    if not wrong:
        return ()
    names = [column.name for column, _ in wrong]
    views = views_over(connection, table.name, names)
    mentions = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b").search
    lifted = [one for one in there.triggers.values() if mentions(one.definition)]
    states = {"D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
    changes: list[str] = []
    for column, other in wrong:
        change = f"ALTER COLUMN {quoted(column.name)}"
        if other.default is not None:
            changes.append(f"{change} DROP DEFAULT")
        collation = f" COLLATE {column.collation}" if column.collation else ""
        using = converted(column, other, zone)
        changes.append(f"{change} TYPE {column.type}{collation} USING {using}")
    defaults = [
        f"ALTER COLUMN {quoted(column.name)} SET DEFAULT {column.default}"
        for column, _ in wrong
        if column.default is not None
    ]
    alter = f"ALTER TABLE {quoted(table.name)} "
    return (
        *(f"DROP VIEW {view.name}" for view in reversed(views)),
        *(f"DROP TRIGGER {quoted(one.name)} ON {quoted(table.name)}" for one in lifted),
        alter + ", ".join(changes),
        *([alter + ", ".join(defaults)] if defaults else []),
        *(one.sql for one in lifted),
        *(
            f"{alter}{states[one.enabled]} TRIGGER {quoted(one.name)}"
            for one in lifted
            if one.enabled in states
        ),
        *(statement for view in views for statement in view.create),
    )


def inconvertible(
    connection: BaseDatabaseWrapper,
    table: str,
    pair: tuple[Column, Column],
    zone: str,
    spared: str = "false",
) -> str:
    """Return why a column's values cannot become the expected type, or nothing.

    Args:
        connection: Where the table is.
        table: Its name.
        pair: The column as expected and as found.
        zone: The time zone of times without one.
        spared: Holds for the rows, called `one`, that a repair changes beforehand.
    """
    column, there = pair
    name = quoted(column.name)
    values = f"FROM {quoted(table)} AS one WHERE NOT COALESCE({spared}, false)"
    if limit := VARYING.match(column.type):
        query = f"SELECT count(*) {values} AND length({name}::text) > {limit[1]}"
        with connection.cursor() as cursor:
            cursor.execute(query)
            (long,) = cursor.fetchone()
        return f"{long} values are longer than {limit[1]} characters" if long else ""
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(f"SELECT count({converted(column, there, zone)}) {values}")
    except Error as error:
        return str(error).strip().splitlines()[0]
    return ""
