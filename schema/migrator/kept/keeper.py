"""Set aside what a rollback would drop, and put it back when its migration is applied again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.models import QuerySet

from schema.execution import executor
from schema.introspection.catalog import quoted
from schema.migrator.kept import finish_postgresql, postgresql, sqlite
from schema.migrator.kept.drops import Drop, drops
from schema.migrator.kept.finish_postgresql import Counts
from schema.models import KeptObject
from schema.report import Report

ObjectName = tuple[str, str | None]
"""A table, as (table, None), or a column."""
Made = Mapping[Migration, Collection[ObjectName]]
"""What each migration makes."""
RENAMES = ("Rename", "AlterModelTable", "AlterField")
"""Operations after which something may be there under another name."""
PUT_BACK: dict[tuple[str, bool], Callable[[BaseDatabaseWrapper, KeptObject], Counts | str]] = {
    ("postgresql", False): postgresql.put_table_back,
    ("postgresql", True): postgresql.put_column_back,
    ("sqlite", False): sqlite.put_table_back,
    ("sqlite", True): sqlite.put_column_back,
}
"""What puts a table or, with True, a column back."""
REBUILT = "new__"
"""What the name begins with of the table that Django rebuilds a SQLite table as."""


class Keeper(executor.Keeper):
    """Sees the statements of a rollback before the database does.

    A statement that drops a table or a column that its migration made is replaced by others that
    set it aside. It does not matter who drops it: an operation of Django, SQL or Python.
    """

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        report: Report,
        made: Made | None = None,
        rows: Mapping[ObjectName, int] | None = None,
    ) -> None:
        """Put back only, unless `made` is given: then set aside what it names.

        `rows` is how many rows of each have data.
        """
        self.connection = connection
        self.report = report
        self.made = made
        self.rows = rows or {}
        self.notes: list[str] = []
        """What was set aside or put back of the current migration, for its record."""
        self._has_kept: bool | None = None
        """Asked once: nobody else sets anything aside while this run holds the lock."""
        self._returned: list[tuple[KeptObject, Counts]] = []

    @contextmanager
    def rolling_back(self, migration: Migration) -> Iterator[None]:
        """Set aside what the block would drop.

        Raises:
            CommandError: something was dropped in another way, such as within a function.
        """
        self.notes = []
        if self.made is None:
            yield
            return
        made = set(self.made.get(migration, ()))

        def watch(
            execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
        ) -> Any:
            parts = drops(str(sql)) if not many and not params else []
            if not any(isinstance(part, Drop) for part in parts):
                return execute(sql, params, many, context)
            result = None
            for part in parts:
                if isinstance(part, str):
                    result = execute(part, None, False, context)
                elif not self._spares(migration, part, made):
                    result = execute(part.sql, None, False, context)
            return result

        with self.connection.execute_wrapper(watch):
            yield
        self._require_kept(migration, made)

    def _spares(self, migration: Migration, drop: Drop, made: set[ObjectName]) -> bool:
        """Set aside what `drop` drops; return whether nothing is left to be dropped."""
        copies = self.connection.vendor == "sqlite"
        columns = self._columns(drop.table)
        if copies and not drop.column and (rebuilt := self._columns(REBUILT + drop.table)):
            # The table is rebuilt without some of its columns.
            lost = [name for name in columns if name not in rebuilt]
            if (drop.table, None) in made and lost:
                self._set_aside(migration, drop.table, "")
            for name in lost:
                if (drop.table, None) not in made and (drop.table, name) in made:
                    self._set_aside(migration, drop.table, name)
            return False
        if (drop.table, drop.column or None) not in made:
            return False
        if drop.column and (drop.table, None) in made:
            return True  # it goes aside with its table, whole
        if not columns or (drop.column and drop.column not in columns):
            # A run that was interrupted set it aside.
            return self._of(migration, drop.table, drop.column).exists()
        return self._set_aside(migration, drop.table, drop.column) and not copies

    def _set_aside(self, migration: Migration, table: str, column: str) -> bool:
        """Set a table or a column aside; return False for an empty table."""
        alias, vendor = self.connection.alias, self.connection.vendor
        if self._of(migration, table, column).exists():
            return True  # when the table was rebuilt
        if not column and self._is_empty(table):
            return False
        engine = postgresql if vendor == "postgresql" else sqlite
        if vendor == "sqlite" and column and not sqlite.key_columns(self.connection, table):
            raise CommandError(
                f"{table} has no primary key, so its column {column} cannot be kept."
                " Roll back without --keep."
            )
        with transaction.atomic(using=alias):
            kept = KeptObject.objects.using(alias).create(
                app=migration.app_label,
                name=migration.name,
                table_name=table,
                column_name=column,
                rows=self.rows.get((table, column or None)),
            )
            if column:
                engine.set_column_aside(self.connection, kept)
            else:
                engine.set_table_aside(self.connection, kept)
        self.notes.append(f"set aside {kept}{in_rows(kept.rows)} as {kept.kept_as}")
        return True

    def _require_kept(self, migration: Migration, made: set[ObjectName]) -> None:
        """Check that everything with data is there still, or set aside."""
        if any(type(operation).__name__.startswith(RENAMES) for operation in migration.operations):
            return
        for table, column in sorted(made, key=str):
            if not self.rows.get((table, column)) or self._of(migration, table, column).exists():
                continue
            columns = self._columns(table)
            if (column is None and columns) or column in columns:
                continue
            if column and not columns and (table, None) in made:
                continue  # with its table
            raise CommandError(
                f"{migration} drops {table}{f'.{column}' if column else ''} in a way that --keep"
                " does not see, such as within a function. Roll back without --keep, after a"
                " backup."
            )

    def _of(self, migration: Migration, table: str, column: str | None) -> QuerySet[KeptObject]:
        return kept_objects(self.connection, migration).filter(
            table_name=table, column_name=column or "", returning=False
        )

    def _columns(self, table: str) -> list[str]:
        with self.connection.cursor() as cursor:
            return columns_of(cursor, self.connection.vendor, table)

    def _is_empty(self, table: str) -> bool:
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {quoted(table)})")  # noqa: S608 - quoted
            return not cursor.fetchone()[0]

    def made_again(self, migration: Migration) -> None:
        """Put back what was set aside of `migration`, within its transaction."""
        self.notes, self._returned = [], []
        if self._has_kept is None:
            self._has_kept = self.made is None and has_kept(self.connection)
        if not self._has_kept:
            return
        for kept in kept_objects(self.connection, migration).filter(returning=False):
            result = self._put_back(kept)
            if isinstance(result, Counts):
                self._returned.append((kept, result))
            elif result:
                self.report.write(
                    "stays_aside",
                    f"  {kept} stays set aside as {kept.kept_as}: {result}.",
                    object=str(kept),
                    reason=result,
                )
                continue
            self.notes.append(f"put back {kept}")

    def _put_back(self, kept: KeptObject) -> Counts | str:
        """Return why not, or on SQLite what became of the rows; PostgreSQL's follow."""
        if not columns_anywhere(self.connection, kept):
            kept.delete(using=self.connection.alias)
            return "it was dropped by other means"
        with transaction.atomic(using=self.connection.alias):
            return PUT_BACK[self.connection.vendor, bool(kept.column_name)](self.connection, kept)

    def finish(self, migration: Migration) -> None:
        """Complete what was put back of `migration` after its transaction, and report it."""
        if not (self.notes and self.made is None):
            return
        if self.connection.vendor == "postgresql":
            self._finish(list(kept_objects(self.connection, migration).filter(returning=True)))
        for kept, one in self._returned:
            self._write(kept, one)

    def resume(self) -> None:
        """Complete what a run that was interrupted put back."""
        if has_kept(self.connection):
            objects = KeptObject.objects.using(self.connection.alias)
            self._finish(list(objects.filter(returning=True).order_by("-id")))

    def _finish(self, objects: list[KeptObject]) -> None:
        if objects:
            counts = finish_postgresql.finish(self.connection, objects)
            for kept, one in zip(objects, counts, strict=True):
                self._write(kept, one)

    def _write(self, kept: KeptObject, counts: Counts) -> None:
        what = "value" if kept.column_name else "row"
        text = f"  put back {kept}: {counts.rows:,} {what}{'' if counts.rows == 1 else 's'}"
        if counts.meanwhile:
            one = counts.meanwhile == 1
            text += f"; {counts.meanwhile:,} row{' was' if one else 's were'} written meanwhile"
            text += f" and {'stays as it is' if one else 'stay as they are'}"
        if counts.gone:
            where = "" if kept.column_name else " or went into quarantine"
            text += f"; {counts.gone:,} lost a reference to what was deleted meanwhile{where}"
        self.report.write("put_back", text, object=str(kept), **vars(counts))


def has_kept(connection: BaseDatabaseWrapper) -> bool:
    """Return whether anything is set aside."""
    if KeptObject._meta.db_table not in connection.introspection.table_names():
        return False
    return KeptObject.objects.using(connection.alias).exists()


def columns_aside(connection: BaseDatabaseWrapper) -> list[KeptObject]:
    """Return the columns that are set aside within tables, which PostgreSQL's are."""
    if connection.vendor != "postgresql" or not has_kept(connection):
        return []
    return list(KeptObject.objects.using(connection.alias).exclude(column_name=""))


def kept_objects(connection: BaseDatabaseWrapper, migration: Migration) -> QuerySet[KeptObject]:
    """Return what is set aside of `migration` and those it replaces, the last one first."""
    names = [migration.name, *(name for _, name in migration.replaces or [])]
    objects = KeptObject.objects.using(connection.alias)
    return objects.filter(app=migration.app_label, name__in=names).order_by("-id")


def columns_of(cursor: Any, vendor: str, table: str) -> list[str]:
    """Return the names of the columns of a table; none where it does not exist."""
    if vendor == "sqlite":
        cursor.execute("SELECT name FROM pragma_table_info(%s)", [table])
    else:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s)"
            " AND attnum > 0 AND NOT attisdropped",
            [quoted(table)],
        )
    return [row[0] for row in cursor.fetchall()]


def columns_anywhere(connection: BaseDatabaseWrapper, kept: KeptObject) -> list[str]:
    """Return the tables that `kept` stands in: itself, or the table that holds the column."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite" or not kept.column_name:
            return [kept.kept_as] if columns_of(cursor, connection.vendor, kept.kept_as) else []
        cursor.execute(
            "SELECT relname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
            " WHERE relnamespace = quote_ident(current_schema())::regnamespace AND attname = %s",
            [kept.kept_as],
        )
        return [row[0] for row in cursor.fetchall()]


def in_rows(rows: int | None) -> str:
    """Return the number of rows in brackets, where it is known."""
    if rows is None:
        return ""
    return f" ({rows:,} row{'' if rows == 1 else 's'})"
