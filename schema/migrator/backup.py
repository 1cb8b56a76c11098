"""Back the database up before the first change, and write the script that restores it."""

import os
import re
import shlex
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.core.management.base import CommandError
from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from schema.connection.connect import database_file
from schema.connection.identity import identity, reached
from schema.connection.retry import milliseconds, retry_policy
from schema.migrator import backup_scope
from schema.migrator.restore_script import postgresql_script, sqlite_script
from schema.report import Report, duration


@dataclass(frozen=True)
class Backup:
    """A finished backup."""

    file: Path
    script: Path
    """Restores the file; to be run with the site stopped."""
    skipped: tuple[str, ...] = ()
    """What the role may not read or restore."""

    @property
    def restore(self) -> str:
        """Return the command for a shell."""
        return f"sh {shlex.quote(str(self.script))}"


def back_up(connection: BaseDatabaseWrapper, folder: Path, report: Report) -> Backup:
    """Write a backup and its restore script into `folder`, readable by their owner only.

    PostgreSQL: pg_dump's custom format, from the very server that the connection uses. SQLite:
    a copy by its own backup interface, which is consistent while others write. Both are read
    back before they get their names.

    Raises:
        CommandError: The backup could not be written or cannot be read back.
    """
    begin = time.monotonic()
    report.status("  backing up ...")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        backup = (_sqlite if connection.vendor == "sqlite" else _postgresql)(connection, folder)
    except (OSError, sqlite3.Error, Error, psycopg.Error) as error:
        raise _failed(f"{error}", "Check the disk and the permissions of its folder") from error
    if backup.skipped:
        report.write(
            "backup_incomplete",
            "The backup leaves out what this role may not read or restore: "
            + ", ".join(backup.skipped),
            skipped=list(backup.skipped),
        )
    report.write(
        "backup",
        f"Backup: {backup.file} ({duration(time.monotonic() - begin)})."
        f" To restore it, stop the site and run:\n  {backup.restore}",
        file=str(backup.file),
        restore=backup.restore,
        bytes=backup.file.stat().st_size,
    )
    return backup


def _sqlite(connection: BaseDatabaseWrapper, folder: Path) -> Backup:
    source = database_file(connection).absolute()
    file = folder.absolute() / f"{source.stem}-{_stamp()}.sqlite3"
    with _complete(file) as part, closing(sqlite3.connect(part)) as copy:
        connection.ensure_connection()
        connection.connection.backup(copy)
        problem = copy.execute("PRAGMA quick_check").fetchone()[0]
        if problem != "ok":
            raise _failed(f"the copy is damaged: {problem}", "Check the disk")
    return Backup(file, _write_script(file, sqlite_script(file, source)))


def _postgresql(connection: BaseDatabaseWrapper, folder: Path) -> Backup:
    """Dump the server that `connection` has reached, whatever the environment would lead to."""
    parameters = reached(connection)
    password = connection.connection.info.password
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if password:
        environment["PGPASSWORD"] = password  # everybody could read it on the command line
    programs = _programs(connection)
    _check_version(f"{programs}pg_dump", connection)
    with psycopg.connect(make_conninfo(**parameters, password=password)) as other:
        if identity(other) != identity(connection):
            raise _failed(
                "a second connection leads to another server", "Name one server in the settings"
            )
    scope = backup_scope.find(connection)
    name = re.sub(r"[^\w.-]", "_", parameters["dbname"])
    file = folder.absolute() / f"{name}-{_stamp()}.dump"
    with _complete(file) as part:
        _run(
            [
                f"{programs}pg_dump",
                f"--dbname={make_conninfo(**parameters)}",
                "--no-password",
                f"--lock-wait-timeout={milliseconds(retry_policy.get().patience)}",
                "--format=custom",
                f"--file={part}",
                *scope.options,
            ],
            environment,
        )
        listed = _run([f"{programs}pg_restore", "--list", str(part)], environment)
        # Listing reads the table of contents only; this reads every row.
        read_back = [f"{programs}pg_restore", f"--file={os.devnull}", str(part)]
        _run(read_back, environment)
        found = sum(" TABLE DATA " in line for line in listed.splitlines())
        if found < scope.tables:  # an extension's own tables come in addition
            raise _failed(
                f"the dump has {found} tables, the database {scope.tables}",
                "Check which server pg_dump reaches",
            )
    target = backup_scope.target(connection, parameters, password, programs, scope)
    script = postgresql_script(target, file, scope.contents(listed, target))
    return Backup(file, _write_script(file, script), tuple(scope.skipped))


def _check_version(program: str, connection: BaseDatabaseWrapper) -> None:
    """Refuse a pg_dump that is older than the server: it would refuse the server itself."""
    server = connection.connection.info.server_version // 10000
    found = re.search(r"\d+", _run([program, "--version"], dict(os.environ)))
    if found and int(found.group()) < server:
        raise _failed(
            f"{program} is of PostgreSQL {found.group()}, the server is {server}",
            f"Install PostgreSQL's client programs of version {server}",
        )


def _programs(connection: BaseDatabaseWrapper) -> str:
    """Return the folder, with its slash, of the server's own version as Debian installs it.

    A dump by a newer pg_dump sets parameters that the older server does not know. Without
    that folder, the search path decides.
    """
    major = connection.connection.info.server_version // 10000
    folder = Path(f"/usr/lib/postgresql/{major}/bin")
    return f"{folder}/" if (folder / "pg_dump").exists() else ""


def _run(command: list[str], environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise _failed(
            f"{command[0]} is not installed",
            "Install PostgreSQL's client programs, as new as the server or newer",
        ) from None
    if done.returncode:
        reason = done.stderr.strip() or f"{command[0]} ended with {done.returncode}"
        raise _failed(reason, "Fix the cause")
    return done.stdout


def _failed(reason: str, remedy: str) -> CommandError:
    return CommandError(
        f"The backup failed: {reason}\nNothing was changed. {remedy}, or migrate without --backup."
    )


@contextmanager
def _complete(file: Path) -> Iterator[Path]:
    """Give a file to write to; it gets its name when it is complete, and is removed otherwise."""
    part = file.with_name(file.name + ".part")
    part.touch(mode=0o600)
    try:
        yield part
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)


def _write_script(file: Path, text: str) -> Path:
    script = file.with_name(file.name + ".restore.sh")
    with _complete(script) as part:
        part.write_text(text, encoding="utf-8")
    return script


def _stamp() -> str:
    return f"{timezone.now():%Y%m%dT%H%M%SZ}"
