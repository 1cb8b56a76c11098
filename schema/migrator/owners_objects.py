"""Keep or name the owner's views and foreign keys that a rollback drops.

Django drops tables and columns with CASCADE, which takes along every view over them and every
foreign key to them, of any schema and any owner, without a word. What can be created anew after a
migration is; for the rest somebody has to agree before the first change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.management.base import CommandError
from django.db import Error, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.connection.errors import waited_for_a_lock
from schema.execution.executor import Plan, RecordingExecutor
from schema.introspection.catalog import CatalogError, quoted
from schema.introspection.views import View, views_over
from schema.migrator.confirm import answer_to, at_terminal
from schema.migrator.preflight import altered_tables
from schema.migrator.rollback import dropped_names
from schema.report import ExitCode, Report

Name = tuple[str, str | None]
"""A table, or a table and its column."""

# Foreign keys of tables that are not dropped, with the condition that something of what they refer
# to is dropped.
LINKS = """
    SELECT k.conname::text, k.conrelid::regclass::text, pg_get_constraintdef(k.oid),
           EXISTS (
               SELECT FROM unnest(%(tables)s::text[], %(columns)s::text[]) AS n (tbl, col)
               LEFT JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attname = n.col
               WHERE to_regclass(n.tbl) = k.confrelid
                 AND (n.col IS NULL OR a.attnum = ANY (k.confkey)))
    FROM pg_constraint AS k
    WHERE k.contype = 'f' AND k.conparentid = 0
      AND k.confrelid IN (SELECT to_regclass(name) FROM unnest(%(altered)s::text[]) AS name)
      AND k.conrelid NOT IN (
          SELECT oid FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace
          AND relname = ANY (%(own)s))
    ORDER BY 2, 1
"""
LINK_EXISTS = """
    SELECT EXISTS (SELECT FROM pg_constraint
                   WHERE conname = '{constraint}' AND conrelid = to_regclass('{table}'))
"""
# What else depends on a dropped column, and is no part of the table: policies of other columns,
# rules of other tables, generated columns, publications, functions whose body was parsed.
OTHERS = """
    SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM unnest(%(tables)s::text[], %(columns)s::text[]) AS n (tbl, col)
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(n.tbl)
    LEFT JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_class AS c ON c.oid = r.ev_class
    LEFT JOIN pg_policy AS p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
    WHERE (n.col IS NULL OR n.col = a.attname)
      AND (d.classid IN ('pg_proc'::regclass, 'pg_publication_rel'::regclass,
                         'pg_statistic_ext'::regclass)
           OR p.polrelid IS NOT NULL AND (n.col IS NOT NULL OR p.polrelid <> d.refobjid)
           OR c.relkind = 'r' AND r.ev_class <> d.refobjid)
    ORDER BY 1
"""


@dataclass(frozen=True)
class Dropped:
    """An object of the owner's that a rollback may drop."""

    text: str
    exists: str
    """A query that returns whether it is there."""
    create: tuple[str, ...]
    lost: bool
    """Whether it cannot be created anew."""


@dataclass
class OwnersObjects:
    """The owner's objects that hang on what a rollback changes."""

    connection: BaseDatabaseWrapper
    objects: Sequence[Dropped] = ()
    others: Sequence[str] = ()
    """Objects in words that go without being created anew."""
    made_anew: list[str] = field(default_factory=list)

    @property
    def lost(self) -> list[str]:
        """Return in words what is dropped for good."""
        return [*(one.text for one in self.objects if one.lost), *self.others]

    def create_anew(self) -> None:
        """Create what the last migration dropped and can be; to be called in its transaction.

        Raises:
            Error: Something that nobody agreed to lose cannot be created anew.
        """
        for one in self.objects:
            if self._exists(one):
                continue
            try:
                with (
                    transaction.atomic(using=self.connection.alias),
                    self.connection.cursor() as cursor,
                ):
                    for statement in one.create:
                        cursor.execute(statement)
            except Error as error:
                if not one.lost or waited_for_a_lock(error):
                    raise
            else:
                self.made_anew.append(one.text)

    def _exists(self, one: Dropped) -> bool:
        with self.connection.cursor() as cursor:
            cursor.execute(one.exists)
            return bool(cursor.fetchone()[0])


def find_owners_objects(executor: RecordingExecutor, plan: Plan) -> OwnersObjects:
    """Return the objects of the owner's that hang on the tables that a rollback changes."""
    connection = executor.connection
    if connection.vendor != "postgresql":
        return OwnersObjects(connection)
    altered = altered_tables(executor, plan)
    everything: list[Name] = [(table, None) for table in sorted(altered)]
    found = [*_links(executor, altered, everything), *views_over(connection, everything)]
    if not found and not _others(connection, everything):
        return OwnersObjects(connection)  # and spare the rest what it costs to find out more
    try:
        dropped = dropped_names(executor, plan)
    except CatalogError:
        names = everything
    else:
        tables = {table for table, column in dropped if column is None}
        names = [
            (table, column)
            for table, column in sorted(dropped, key=str)
            if column is None or table not in tables
        ]
    lost = {view.name for view in views_over(connection, names)}
    views = views_over(connection, everything)
    objects = [
        *(_dropped(view, view.name in lost) for view in views),
        *_links(executor, altered, names),
    ]
    return OwnersObjects(connection, objects, _others(connection, names))


def _dropped(view: View, lost: bool) -> Dropped:
    name = view.name.replace("'", "''")
    return Dropped(str(view), f"SELECT to_regclass('{name}') IS NOT NULL", view.create, lost)


def _others(connection: BaseDatabaseWrapper, names: list[Name]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(OTHERS, _arrays(names))
        return [text for (text,) in cursor.fetchall()]


def _links(
    executor: RecordingExecutor, altered: Collection[str], names: list[Name]
) -> Iterator[Dropped]:
    """Yield the foreign keys of other tables to altered ones."""
    models = executor.applied_state().apps.get_models(include_auto_created=True)
    parameters = _arrays(names) | {
        "altered": [quoted(name) for name in altered],
        "own": [model._meta.db_table for model in models],
    }
    with executor.connection.cursor() as cursor:
        cursor.execute(LINKS, parameters)
        rows = cursor.fetchall()
    for name, table, definition, lost in rows:
        constraint, escaped = name.replace("'", "''"), table.replace("'", "''")
        yield Dropped(
            f"foreign key {name} of {table}",
            LINK_EXISTS.format(constraint=constraint, table=escaped),
            (f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} {definition}",),
            lost,
        )


def _arrays(names: list[Name]) -> dict[str, list[Any]]:
    return {
        "tables": [quoted(table) for table, _ in names],
        "columns": [column for _, column in names],
    }


def agree_to_drops(
    executor: RecordingExecutor, plan: Plan, report: Report, options: dict[str, Any]
) -> None:
    """Report what of the owner's a rollback drops for good; continue only if somebody confirms it.

    After each migration, the executor creates anew what can be.

    Raises:
        CommandError: Nobody did.
    """
    found = find_owners_objects(executor, plan)
    executor.after_unapply = found.create_anew
    if not found.lost:
        return
    text = "\n".join(
        [
            "This rollback drops what others made and what depends on what it drops:",
            *(f"  {one}" for one in found.lost),
            "To create it again later:",
            *(f"  {statement};" for one in found.objects if one.lost for statement in one.create),
        ]
    )
    report.write(
        "dropped_objects",
        text,
        objects=found.lost,
        create=[statement for one in found.objects if one.lost for statement in one.create],
    )
    if options["accept_data_loss"]:
        return
    if options["interactive"] and not report.as_json and at_terminal():
        if answer_to("Type yes to drop it: ") == "yes":
            return
        raise CommandError("Nothing was changed.", returncode=ExitCode.REFUSED)
    shown = f"\n{text}" if report.quiet else ""
    raise CommandError(
        "The rollback would drop what others made. Confirmation is required, and no terminal is"
        " attached.\nNothing was changed. Drop it beforehand, or add --accept-data-loss to confirm"
        f" it.{shown}",
        returncode=ExitCode.REFUSED,
    )
