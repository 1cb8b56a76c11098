"""Write the migrations as plain SQL files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.batches.ranges import literal
from schema.execution.recorded_sql import Recording, record
from schema.introspection.changes import server_of
from schema.models import MigrationKey, MigrationRun
from schema.sqlexport.not_sql import not_sql
from schema.sqlexport.run_record import NOW, run_record

LOCK_TIMEOUT = "5s"
"""A statement that waits for a lock blocks every later one on that table; not longer than this."""

HEAD_POSTGRESQL = """
-- {title}
-- Run with: psql -v ON_ERROR_STOP=1 -f {file}
-- or paste it into a shell. It may be run again: finished work is not repeated.
SET statement_timeout = 0;
"""
ONE_BY_ONE = """\
-- Not one transaction: it runs beside sessions that read and write. The lines that begin with a
-- backslash are psql's. Another client must be given one statement at a time, without them.
"""
ATOMIC = """
BEGIN;
SET LOCAL lock_timeout = '{timeout}';
DO $migration$
BEGIN
IF {done} THEN
    RAISE NOTICE '{key}: nothing to do';
    RETURN;
END IF;
{checks}{statements}
{noted};
END
$migration$;
COMMIT;
"""
CHECK = """\
IF {wrong} THEN
    RAISE EXCEPTION '{problem}';
END IF;
"""
GUARDED = """
DO $migration$
BEGIN
IF {done} THEN
    RETURN;
END IF;
SET LOCAL lock_timeout = '{timeout}';
{checks}{statements}
END
$migration$;
"""
# Without the condition, a second run would build an index that a later migration has dropped.
CONDITIONAL = """
SELECT NOT ({done}) AS pending \\gset
\\if :pending
{statement};
\\endif
"""

HEAD_SQLITE = """
-- {title}
-- Run with: sqlite3 -bail FILE < {file}
-- with nobody else writing. Run again, or out of turn, it stops and changes nothing.
"""
SQLITE = """
PRAGMA foreign_keys = OFF;
BEGIN IMMEDIATE;
CREATE TEMPORARY TABLE here (
    done integer CONSTRAINT {name}_has_nothing_to_do CHECK (done = 0),
    out_of_turn integer CONSTRAINT {name}_is_not_next CHECK (out_of_turn = 0)
);
INSERT INTO here SELECT {done}, {out_of_turn};
DROP TABLE here;
{statements}
{noted};
COMMIT;
PRAGMA foreign_keys = ON;
"""

# PostgreSQL refuses these inside a function.
ALONE = re.compile(r"\s*((CREATE|DROP) (UNIQUE )?INDEX CONCURRENTLY|DO \$batches\$|VACUUM)")


@dataclass(frozen=True)
class Export:
    """The files that were written, and the migrations that could not be, each with the reason."""

    files: list[Path]
    not_sql: dict[str, str]


def export(connection: BaseDatabaseWrapper, folder: Path, *, rollback: bool) -> Export:
    """Write the files into `folder`, which is made if need be.

    Raises:
        FileExistsError: there is something in the folder.
        CatalogError, IrreversibleError: see `record`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(folder)
    first, recordings = record(connection, backwards=rollback)
    server = server_of(connection)
    if connection.vendor == "sqlite":
        recordings = in_a_row(recordings)
    texts: dict[str, str] = {}
    for number, one in enumerate(recordings, start=1):
        preparation = first if number == 1 else []
        texts[file_name(number, one)] = _forwards(server, number, one, preparation)
    texts["all.sql"] = "".join(texts.values())
    for number, one in enumerate(recordings if rollback else [], start=1):
        file = f"rollback/{file_name(number, one)}"
        texts[file] = _backwards(server, file, one)
    for file, text in texts.items():
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")
    return Export(
        files=[folder / file for file in texts],
        not_sql={str(one.migration): one.not_forwards for one in recordings if one.not_forwards},
    )


def in_a_row(recordings: list[Recording]) -> list[Recording]:
    """Return the recordings in a sequence: the statements fit the triggers of their time only."""
    order = [(one.migration.app_label, one.migration.name) for one in recordings]
    return [
        replace(
            one,
            parents=tuple(order[max(place - 1, 0) : place]),
            children=tuple(order[place + 1 : place + 2]),
        )
        for place, one in enumerate(recordings)
    ]


def file_name(number: int, recording: Recording) -> str:
    """Return the name of the file for one migration."""
    migration = recording.migration
    return f"{number:04}_{migration.app_label}_{migration.name}.sql"


@dataclass(frozen=True)
class SQLFile:
    """The content of one file, apart from the engine's syntax."""

    name: str
    title: str
    recording: Recording
    statements: list[str]
    record: str
    """The statement that records the end of the work."""
    done: str
    """The condition that there is nothing to do."""
    preconditions: Sequence[tuple[str, str]]
    """Conditions under which the file may not run, each with the reason."""
    preparation: str = ""

    def text(self, vendor: str) -> str:
        """Return the file for an engine."""
        return self._postgresql() if vendor == "postgresql" else self._sqlite()

    def _sqlite(self) -> str:
        return (
            HEAD_SQLITE.format(title=self.title, file=self.name)
            + self.preparation
            + SQLITE.format(
                name=self._key.replace(".", "_"),
                done=self.done,
                out_of_turn=" OR ".join(condition for condition, _ in self.preconditions) or "0",
                statements=joined(self.statements),
                noted=self.record,
            )
        )

    def _postgresql(self) -> str:
        checks = "".join(
            CHECK.format(wrong=condition, problem=f"{self._key} {problem}")
            for condition, problem in self.preconditions
        )
        head = HEAD_POSTGRESQL.format(title=self.title, file=self.name)
        values = {"timeout": LOCK_TIMEOUT, "done": self.done, "checks": checks}
        if self.recording.migration.atomic:
            statements = joined(self.statements)
            body = ATOMIC.format(**values, key=self._key, statements=statements, noted=self.record)
            return head + self.preparation + body
        parts = [GUARDED.format(**values, statements="")] if checks else []
        for statement in self.statements:
            if ALONE.match(statement):
                parts.append(CONDITIONAL.format(done=self.done, statement=statement.strip()))
            else:
                one = joined([statement])
                parts.append(GUARDED.format(**values | {"checks": ""}, statements=one))
        return head + ONE_BY_ONE + "".join(parts) + f"\n{self.record};\n"

    @property
    def _key(self) -> str:
        return name((self.recording.migration.app_label, self.recording.migration.name))


def _forwards(server: str, number: int, recording: Recording, first: list[str]) -> str:
    vendor = server.split()[0]
    key = (recording.migration.app_label, recording.migration.name)
    if recording.not_forwards:
        return not_sql(vendor, recording.migration, recording.not_forwards, recorded(key))
    # One statement: a squashed migration is recorded together with those it replaces.
    record = "INSERT INTO django_migrations (app, name, applied)" + " UNION ALL".join(
        f" SELECT {literal(one[0])}, {literal(one[1])}, {NOW[vendor]} WHERE NOT {recorded(one)}"
        for one in [*recording.migration.replaces, key]
    )
    if number > 1:  # the first makes the table of runs, the second completes it
        run = run_record(server, recording, MigrationRun.Direction.FORWARDS, recorded(key))
        record = f"{run};\n{record}"
    preconditions = [
        *(
            (f"NOT {recorded(parent)}", f"goes after {name(parent)}")
            for parent in recording.parents
        ),
        *(
            (recorded(part), f"replaces {name(part)}, which is recorded: let migrate go on")
            for part in recording.migration.replaces
        ),
    ]
    if vendor == "sqlite":
        preconditions += [
            (recorded(child), f"goes before {name(child)}") for child in recording.children
        ]
    return SQLFile(
        name=file_name(number, recording),
        title=f"{recording.migration}: {_summary(recording)}",
        recording=recording,
        statements=recording.forwards,
        record=record,
        done=recorded(key),
        preconditions=preconditions,
        preparation="".join(
            f"\n{re.sub('^CREATE TABLE ', 'CREATE TABLE IF NOT EXISTS ', statement)};\n"
            for statement in first
        ),
    ).text(vendor)


def _backwards(server: str, file: str, recording: Recording) -> str:
    vendor = server.split()[0]
    key = (recording.migration.app_label, recording.migration.name)
    done = f"NOT {recorded(key)}"
    if recording.not_backwards:
        return not_sql(vendor, recording.migration, recording.not_backwards, done)
    records = " OR ".join(
        f"(app = {literal(one[0])} AND name = {literal(one[1])})"
        for one in [*recording.migration.replaces, key]
    )
    record = f"DELETE FROM django_migrations WHERE {records}"  # noqa: S608 - quoted
    if key[0] != "schema":  # which drops the table of runs
        run = run_record(server, recording, MigrationRun.Direction.BACKWARDS, done)
        record = f"{run};\n{record}"
    return SQLFile(
        name=file,
        title=f"{recording.migration}, the way back: {_summary(recording)}",
        recording=recording,
        statements=recording.backwards,
        record=record,
        done=done,
        preconditions=[
            (recorded(child), f"goes after {name(child)}") for child in recording.children
        ],
    ).text(vendor)


def _summary(recording: Recording) -> str:
    """Return the first line of what the migration's file says of itself."""
    text = __import__(recording.migration.__module__, fromlist=["_"]).__doc__ or ""
    return text.strip().partition("\n")[0] or "the framework's own"


def name(key: MigrationKey) -> str:
    """Return how a migration is called."""
    return ".".join(key)


def recorded(key: MigrationKey) -> str:
    """Return the condition that a migration is recorded."""
    app, own = map(literal, key)
    return f"EXISTS (SELECT 1 FROM django_migrations WHERE app = {app} AND name = {own})"  # noqa: S608 - quoted


def joined(statements: Sequence[str]) -> str:
    """Return statements as the lines of a file."""
    return "\n".join(f"{statement.strip()};" for statement in statements)
