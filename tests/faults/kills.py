"""Kill `migrate` at every statement of every migration in both directions, and run it again.

    TEST_ENGINE=postgresql python -m tests.faults.kills [--every N] [app.name ...]

Each kill happens in a forked child, on a copy of a database right before the migration. The
parent then runs `migrate` again and compares the schema and the records with those of a run
without a kill.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader

from schema.introspection.catalog import Catalog
from schema.introspection.read import read_catalog
from tests.conftest import Database, new_database

KILLED = 77
"""Exit status of a child that was killed at its statement."""

Key = tuple[str, str]


READS = ("SELECT", "PRAGMA", "SHOW", "EXPLAIN", "SAVEPOINT", "RELEASE")
"""Nothing changes before these statements, so a kill there shows nothing new."""


@contextmanager
def before_each_statement(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` before every commit and every statement that writes, on any connection.

    Statements in the scratch schemas, where the expected schema is built, do not count.
    """
    execute, commit = CursorWrapper._execute, BaseDatabaseWrapper._commit  # type: ignore[attr-defined]  # private

    def watched_execute(self: Any, sql: str, *args: Any) -> Any:
        if not str(sql).lstrip().upper().startswith(READS) and watched(self.db):
            act()
        return execute(self, sql, *args)

    def watched_commit(self: Any) -> Any:
        if watched(self):
            act()
        return commit(self)

    CursorWrapper._execute, BaseDatabaseWrapper._commit = watched_execute, watched_commit  # type: ignore[attr-defined]  # private
    try:
        yield
    finally:
        CursorWrapper._execute, BaseDatabaseWrapper._commit = execute, commit  # type: ignore[attr-defined]  # private


def watched(connection: BaseDatabaseWrapper) -> bool:
    return not connection.alias.startswith("scratch_")


@dataclass(frozen=True)
class Picture:
    """The result of a run: the schema, the records, and the number of rows of each table."""

    catalog: Catalog
    recorded: set[Key]
    rows: dict[str, int]


def picture(database: Database) -> Picture:
    catalog = read_catalog(database.connection)
    with database.connection.cursor() as cursor:
        rows = {}
        for table in catalog.tables:
            if not table.startswith(("schema_", "django_", "auth_", "sqlite_")):
                cursor.execute(f'SELECT count(*) FROM "{table}"')
                rows[table] = cursor.fetchone()[0]
    applied = MigrationLoader(database.connection).applied_migrations
    return Picture(catalog, set(applied), rows)


def migrate(database: Database, target: tuple[str, ...], *, keep: bool = False) -> None:
    call_command(
        "migrate",
        *target,
        database=database.alias,
        verbosity=0,
        interactive=False,
        accept_data_loss=True,
        keep=keep,
        lock_timeout=30,
    )


def count_statements(database: Database, target: tuple[str, str]) -> int:
    """Migrate without a kill; return the number of statements to kill at."""
    points = 0

    def count() -> None:
        nonlocal points
        points += 1

    with before_each_statement(count):
        migrate(database, target)
    return points


def killed(database: Database, target: tuple[str, ...], point: int, *, keep: bool = False) -> bool:
    """Migrate in a child process that dies right before its statement number `point`.

    Return False if it ended before.
    """
    connections.close_all()
    child = os.fork()
    if child == 0:
        left = point

        def die() -> None:
            nonlocal left
            if left == 0:
                os._exit(KILLED)  # like kill -9, without any cleanup
            left -= 1

        try:
            with before_each_statement(die):
                migrate(database, target, keep=keep)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == KILLED


@dataclass(frozen=True)
class Step:
    """One migration: the target that applies it and the target that reverses it."""

    key: Key
    back: tuple[str, str]


def steps() -> list[Step]:
    """Return this project's migrations in order; the others are applied as dependencies."""
    graph = MigrationLoader(None).graph
    ordered: dict[Key, None] = {("schema", "0001_initial"): None}
    for leaf in graph.leaf_nodes():
        ordered |= dict.fromkeys(graph.forwards_plan(leaf))
    contrib = {"admin", "auth", "contenttypes", "sessions"}
    found, last = [], dict[str, str]()
    for app, name in ordered:
        if app not in contrib:
            found.append(Step((app, name), (app, last.get(app, "zero"))))
            last[app] = name
    return found


ROWS = {
    "0001_users": "INSERT INTO users (id, email, name, password_hash) "
    "VALUES ('{user}', 'alice@example.com', 'Alice', 'x')",
    "0001_personas": "INSERT INTO personas (user_id, name) VALUES ('{user}', 'Twin')",
    "0001_chat_history": "INSERT INTO chat_messages (user_id, role, content) "
    "VALUES ('{user}', 'user', 'Hello')",
}


def insert_rows(database: Database, name: str) -> None:
    """Insert a row into the table that a migration created."""
    digits = "0" * 31 + "1"
    if database.connection.vendor == "postgresql":
        digits = "00000000-0000-0000-0000-000000000001"
    if name in ROWS:
        with database.connection.cursor() as cursor:
            cursor.execute(ROWS[name].format(user=digits))


def check(
    folder: Path, template: Database, target: Key, points: int, every: int, wanted: list[Picture]
) -> list[str]:
    """Kill a run at every point; return the points from which the next run did not converge.

    `wanted` is the picture after the rerun, and after going forwards from there.
    """
    failures = []
    for point in range(0, points, every):
        with new_database(folder, template) as database:
            if not killed(database, target, point):
                break  # caches within the process save some statements
            try:
                migrate(database, target)
                same = picture(database) == wanted[0]
                if same and len(wanted) > 1:
                    migrate(database, FORWARD[target])
                    # The rows that the reverse lost are lost, but the schema is whole again.
                    same = picture(database).catalog == wanted[1].catalog
                if not same:
                    failures.append(f"{target} killed at {point}: another schema, record or rows")
            except Exception as error:
                failures.append(f"{target} killed at {point}: {error}")
            connections.close_all()
    return failures


FORWARD: dict[Key, Key] = {}


def run(folder: Path, wanted: set[str], every: int, write: Callable[[str], None]) -> list[str]:
    """Go through the migrations in order; return all failures."""
    failures: list[str] = []
    with new_database(folder) as base:
        base.connection.ensure_connection()  # SQLite makes the file
        for step in steps():
            name = ".".join(step.key)
            chosen = not wanted or name in wanted
            base.connection.close()
            if chosen:
                begin = time.monotonic()
                with new_database(folder, base) as after:
                    there = count_statements(after, step.key)
                    applied = picture(after)
                    after.connection.close()
                    found = check(folder, base, step.key, there, every, [applied])
                    with new_database(folder, after) as before:
                        back = count_statements(before, step.back)
                        rolled_back = picture(before)
                        before.connection.close()
                    if step.key != ("schema", "0001_initial"):
                        FORWARD[step.back] = step.key
                        found += check(
                            folder, after, step.back, back, every, [rolled_back, applied]
                        )
                    else:
                        back = 0  # its reverse removes the history itself
                failures += found
                write(
                    f"{name}: killed at {-(-there // every)} points forwards and"
                    f" {-(-back // every)} backwards, {len(found)} did not converge"
                    f" ({time.monotonic() - begin:.0f} s)"
                )
            migrate(base, step.key)
            insert_rows(base, step.key[1])
            base.connection.close()
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="kill at every Nth statement only")
    parser.add_argument("migrations", nargs="*", help="app.name; all of this project's if none")
    arguments = parser.parse_args()

    def write(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as folder:
        failures = run(Path(folder), set(arguments.migrations), arguments.every, write)
    for failure in failures:
        write(failure)
    write(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
