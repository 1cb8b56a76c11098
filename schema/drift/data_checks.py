"""Check the rows for what no constraint of the database ensures.

An app lists its checks as `CHECKS` in a module `data_checks`. That every foreign key finds its
row is checked for all tables, because a key that was added later, or whose triggers were
disabled, does not ensure it.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import import_module

from django.apps import apps
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.module_loading import module_has_submodule

from schema.connection.errors import first_line
from schema.connection.session import lift_time_limits_here
from schema.drift.compare import Difference
from schema.introspection.catalog import Catalog, Constraint, quoted

EXAMPLES = 3
"""How many of the offending rows are named."""
REFERENCES = re.compile(r'references\s+"?(?P<table>[^"(\s]+)"?\s*\((?P<columns>[^)]*)\)', re.I)


@dataclass(frozen=True)
class DataCheck:
    """Something that must hold once a migration is applied."""

    name: str
    after: tuple[str, str]
    """The app label and name of the migration from which on it holds."""
    expected: str
    offending: str
    """A query of one column: the keys of the rows for which it does not hold."""
    repair: tuple[str, ...]
    table: str | None = None


def broken(
    connection: BaseDatabaseWrapper, expected: Catalog, applied: Collection[tuple[str, str]]
) -> list[Difference]:
    """Return what does not hold of the rows, each check with a few of its offenders."""
    checks = [check for check in registered() if check.after in applied]
    return [
        difference
        for check in [*checks, *orphans(expected)]
        if (difference := _run(connection, check)) is not None
    ]


def registered() -> Iterator[DataCheck]:
    """Yield the checks of every installed app."""
    for config in apps.get_app_configs():
        if config.name != "schema" and module_has_submodule(config.module, "data_checks"):
            yield from import_module(f"{config.name}.data_checks").CHECKS


def orphans(expected: Catalog) -> Iterator[DataCheck]:
    """Yield, for each foreign key of one column, that it finds its row."""
    for table in expected.tables.values():
        for constraint in table.constraints:
            there = REFERENCES.search(constraint.definition)
            if constraint.kind == "foreign key" and there and len(constraint.columns) == 1:
                yield _orphans(table.name, constraint, there)


def _orphans(table: str, constraint: Constraint, there: re.Match[str]) -> DataCheck:
    name, column = quoted(table), quoted(constraint.columns[0])
    target, key = quoted(there["table"]), quoted(there["columns"].strip().strip('"'))
    lost = (
        f"{column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {target}"  # noqa: S608 - quoted names
        f" WHERE {target}.{key} = {name}.{column})"
    )
    # What the foreign key itself would have done.
    if "ON DELETE SET NULL" in constraint.definition.upper():
        repair = f"UPDATE {name} SET {column} = NULL WHERE {lost}"  # noqa: S608 - quoted
    else:
        repair = f"DELETE FROM {name} WHERE {lost}"  # noqa: S608 - quoted
    return DataCheck(
        name=f"rows of {table}.{constraint.columns[0]}",
        after=("", ""),
        expected=f"each refers to a row of {there['table']}",
        offending=f"SELECT {column} FROM {name} WHERE {lost}",  # noqa: S608 - quoted
        repair=(repair,),
        table=table,
    )


def _run(connection: BaseDatabaseWrapper, check: DataCheck) -> Difference | None:
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            lift_time_limits_here(connection)
            # One statement is one reading of the tables, whatever is written meanwhile.
            cursor.execute(
                f"WITH offending (one) AS ({check.offending})"  # noqa: S608 - written in an app
                " SELECT one, (SELECT count(*) FROM offending) FROM offending LIMIT %s",
                [EXAMPLES],
            )
            rows = cursor.fetchall()
    except DatabaseError as error:
        found = f"could not be checked: {first_line(error)}"
        return Difference(check.name, check.expected, found, [], check.table)
    if not rows:
        return None
    count = rows[0][1]
    named = ", ".join(str(row[0]) for row in rows)
    found = f"not so for {count} row{'s' if count > 1 else ''}, for example {named}"
    return Difference(check.name, check.expected, found, list(check.repair), check.table)
