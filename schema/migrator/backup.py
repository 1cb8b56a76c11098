"""A backup before the first change, and the command that restores it."""

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

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from schema.connection.configuration import configuration
from schema.connection.connect import database_file
from schema.report import Report, duration


@dataclass(frozen=True)
class Backup:
    """A finished backup."""

    file: Path
    restore: str
    """What to type in a shell, with the site stopped."""


def back_up(connection: BaseDatabaseWrapper, folder: Path, report: Report) -> Backup:
    """Write a backup into `folder`, readable to nobody else, and say where it is.

    PostgreSQL: pg_dump's custom format. SQLite: a copy by its own backup interface, which
    is right while others write. Either is checked before it gets its name.

    Raises:
        CommandError: it could not be written or cannot be read back.
    """
    begin = time.monotonic()
    report.status("  backing up ...")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        backup = (_sqlite if connection.vendor == "sqlite" else _postgresql)(connection, folder)
    except (OSError, sqlite3.Error, Error) as error:
        raise _failed(f"{error}", "See to the disk and to the rights on its folder") from error
    report.write(
        "backup",
        f"Backup: {backup.file} ({duration(time.monotonic() - begin)}). To restore it, stop the"
        f" site and run:\n  {backup.restore}",
        file=str(backup.file),
        restore=backup.restore,
        bytes=backup.file.stat().st_size,
    )
    return backup


def _sqlite(connection: BaseDatabaseWrapper, folder: Path) -> Backup:
    source = database_file(connection).absolute()
    file = folder.absolute() / f"{source.stem}-{_stamp()}.sqlite3"
    with _whole(file) as part, closing(sqlite3.connect(part)) as copy:
        connection.ensure_connection()
        connection.connection.backup(copy)
        problem = copy.execute("PRAGMA quick_check").fetchone()[0]
        if problem != "ok":
            raise _failed(f"the copy is damaged: {problem}", "See to the disk")
    old, new = shlex.quote(str(source)), shlex.quote(str(file))
    return Backup(file, f"rm -f {old}-wal {old}-shm && cp {new} {old}")


def _postgresql(connection: BaseDatabaseWrapper, folder: Path) -> Backup:
    settings = connection.settings_dict
    file = folder.absolute() / f"{settings['NAME']}-{_stamp()}.dump"
    names = {
        "PGHOST": "HOST",
        "PGPORT": "PORT",
        "PGUSER": "USER",
        "PGPASSWORD": "PASSWORD",  # the command line would show it to everybody
        "PGDATABASE": "NAME",
    }
    environment = {key: str(settings[name]) for key, name in names.items() if settings.get(name)}
    for option, value in settings.get("OPTIONS", {}).items():
        if option in {"sslmode", "sslrootcert", "sslcert", "sslkey"}:
            environment[f"PG{option.upper()}"] = str(value)
    programs = _programs(connection)
    _check_version(f"{programs}pg_dump", connection)
    with _whole(file) as part:
        _run([f"{programs}pg_dump", "--format=custom", f"--file={part}"], environment)
        _run([f"{programs}pg_restore", "--list", f"--file={os.devnull}", str(part)], {})
    url = _url(connection)
    return Backup(
        file,
        f"{programs}psql {url} -v ON_ERROR_STOP=1 -qc {shlex.quote(_emptying(connection))}"
        f" && {programs}pg_restore --no-owner --exit-on-error --dbname {url}"
        f" {shlex.quote(str(file))}",
    )


def _url(connection: BaseDatabaseWrapper) -> str:
    """Return where to restore to, as a shell reads it; the password is never in it."""
    settings = connection.settings_dict
    if connection.alias == DEFAULT_DB_ALIAS:
        return f'"${configuration().connection_setting(connection)}"'
    names = {"host": "HOST", "port": "PORT", "user": "USER", "dbname": "NAME"}
    known = {key: str(settings[name]) for key, name in names.items() if settings.get(name)}
    return shlex.quote(make_conninfo(**known))


def _emptying(connection: BaseDatabaseWrapper) -> str:
    """Return what makes the database as empty as pg_restore expects it.

    The dump holds every schema there is and makes them anew, but for `public`, which it takes
    to be there. All go or none: psql runs what -c says as one transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname, quote_ident(nspname) FROM pg_namespace"
            " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND NOT EXISTS ("
            " SELECT FROM pg_depend WHERE classid = 'pg_namespace'::regclass"
            " AND objid = pg_namespace.oid AND deptype = 'e') ORDER BY nspname"
        )
        schemas = dict(cursor.fetchall())
    again = "; CREATE SCHEMA public" if "public" in schemas else ""
    return (
        "SET client_min_messages = warning;"
        f" DROP SCHEMA IF EXISTS {', '.join(schemas.values())} CASCADE{again}"
    )


def _check_version(program: str, connection: BaseDatabaseWrapper) -> None:
    """Refuse a pg_dump that is older than the server, which it would refuse itself."""
    server = connection.connection.info.server_version // 10000
    found = re.search(r"\d+", _run([program, "--version"], {}))
    if found and int(found.group()) < server:
        raise _failed(
            f"{program} is of PostgreSQL {found.group()}, the server is {server}",
            f"Install PostgreSQL's client programs of version {server}",
        )


def _programs(connection: BaseDatabaseWrapper) -> str:
    """Return the folder, with its slash, of the server's own version as Debian installs it.

    A dump by a newer pg_dump sets parameters that the older server does not know. Without
    that folder the path decides.
    """
    major = connection.connection.info.server_version // 10000
    folder = Path(f"/usr/lib/postgresql/{major}/bin")
    return f"{folder}/" if (folder / "pg_dump").exists() else ""


def _run(command: list[str], environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            command,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise _failed(
            f"{command[0]} is not installed",
            "Install PostgreSQL's client programs, as new as the server or newer",
        ) from None
    if done.returncode:
        said = done.stderr.strip() or f"{command[0]} ended with {done.returncode}"
        raise _failed(said, "Mend that")
    return done.stdout


def _failed(reason: str, remedy: str) -> CommandError:
    return CommandError(
        f"The backup failed: {reason}\nNothing was changed. {remedy}, or migrate without --backup."
    )


@contextmanager
def _whole(file: Path) -> Iterator[Path]:
    """Give a file to write to; it gets its name when it is whole, and goes if it fails."""
    part = file.with_name(file.name + ".part")
    part.touch(mode=0o600)
    try:
        yield part
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)


def _stamp() -> str:
    return f"{timezone.now():%Y%m%dT%H%M%SZ}"
