"""Change the type of a column that has another one than expected.

PostgreSQL refuses while a view or a trigger reads the column, so those are dropped and created
again, exactly as they were, in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import Error, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection.catalog import Column, Table, quoted
from schema.introspection.views import View, views_over

VARYING = re.compile(r"character varying\((\d+)\)\Z")
TEXTUAL = re.compile(r"text|character( varying)?(\(\d+\))?")
WITHOUT_ZONE = "timestamp without time zone"
WITH_ZONE = "timestamp with time zone"

# What else keeps the type of a column as it is: policies, rules of the table itself, columns
# generated from it, filters of publications, functions whose body was parsed.
DEPENDENTS = """
    SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM pg_depend AS d
    JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_attrdef AS f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(%s)
      AND a.attname = ANY (%s)
      AND (
          d.classid IN ('pg_policy'::regclass, 'pg_publication_rel'::regclass,
                        'pg_proc'::regclass)
          OR r.ev_class = d.refobjid
          OR f.adnum <> a.attnum
      )
    ORDER BY 1
"""


def dependents(
    connection: BaseDatabaseWrapper, table: str, columns: Sequence[str]
) -> list[tuple[str, str]]:
    """Return what keeps one of the columns from getting another type, with why it does."""
    with connection.cursor() as cursor:
        cursor.execute(DEPENDENTS, [quoted(table), list(columns)])
        return [
            *((name, "") for (name,) in cursor.fetchall()),
            *(
                (view.name, f", which {problem},")
                for view in views_over(connection, [(table, one) for one in columns])
                if (problem := _problem(view))
            ),
        ]


def _problem(view: View) -> str:
    """Return why an adoption does not drop the view and create it again."""
    if view.materialized:  # to fill it may take long, and nobody can read the table meanwhile
        return "is a materialized view"
    return "" if view.mine else f"belongs to {view.owner}"


def wrong_types(table: Table, actual: Table) -> list[tuple[Column, Column]]:
    """Return the columns whose type is not the expected one, as expected and as found."""
    return [
        (column, actual.columns[name])
        for name, column in table.columns.items()
        if name in actual.columns
        and (column.type, column.collation)
        != (actual.columns[name].type, actual.columns[name].collation)
    ]


def is_text(column: Column) -> bool:
    """Whether the column's type is one of PostgreSQL's own for text."""
    return TEXTUAL.fullmatch(column.type) is not None


def converted(column: Column, actual: Column, zone: str) -> str:
    """Return the expression that converts the column to the expected type."""
    name = quoted(column.name)
    if (column.type, actual.type) == (WITH_ZONE, WITHOUT_ZONE):
        return f"{name} AT TIME ZONE '{zone}'"
    if not is_text(column):
        return f"{name}::text::{column.type}"
    # Without a cast of its own: that would cut off what is too long, where this is refused.
    match actual.type:
        case "bytea":
            return f"convert_from({name}, 'UTF8')"
        case "json" | "jsonb":
            return f"{name} #>> '{{}}'"
    return f"{name}::text"


def change_types(
    connection: BaseDatabaseWrapper, table: Table, actual: Table, zone: str
) -> tuple[str, ...]:
    """Return one transaction's statements that give every column of a table its type."""
    wrong = wrong_types(table, actual)
    if not wrong:
        return ()
    names = [column.name for column, _ in wrong]
    views = views_over(connection, [(table.name, one) for one in names])
    dropped = actual.triggers_on(names)
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
        *(view.drop for view in reversed(views)),
        *(one.drop(table.name) for one in dropped),
        alter + ", ".join(changes),
        *([alter + ", ".join(defaults)] if defaults else []),
        *(statement for one in dropped for statement in one.create(table.name)),
        *(statement for view in views for statement in view.create),
    )


def conversion_error(
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
    column, actual = pair
    values = f"FROM {quoted(table)} AS one WHERE NOT COALESCE({spared}, false)"
    text = converted(column, actual, zone)
    limit = VARYING.match(column.type)
    long = f"length({text}) > {limit[1]}" if limit else "false"
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(f"SELECT count({text}), count(*) FILTER (WHERE {long}) {values}")
            _, count = cursor.fetchone()
    except Error as error:
        return str(error).strip().splitlines()[0]
    return f"{count} values are longer than {limit[1]} characters" if limit and count else ""
