"""Connect to the database, and explain why a connection fails."""

import sqlite3
import time
from pathlib import Path

import psycopg
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import NotSupportedError
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo, PGconn, Ping

from schema.connection.configuration import configuration
from schema.connection.errors import NO_CONNECTION_LEFT, explained, remedy, sqlite_code
from schema.report import Report

PAUSE = 0.5
"""Seconds between two attempts to reach a server that does not answer yet."""


def connect(connection: BaseDatabaseWrapper, report: Report, *, wait: float = 0) -> None:
    """Connect; for a server that does not answer yet, try again for `wait` seconds.

    Raises:
        CommandError: The connection failed; the text names the cause, the place and the remedy.
    """
    begin = time.monotonic()
    while True:
        try:
            connection.ensure_connection()
        except NotSupportedError as error:  # Django's check of the server's version
            raise CommandError(
                f"The server of {_place(connection)} is too old: {error}\n"
                "Nothing was changed. Upgrade the server."
            ) from error
        except Error as error:
            waited = time.monotonic() - begin
            if waited < wait and not _answers(connection):
                report.write(
                    "waiting",
                    f"{_place(connection)} does not answer yet: waiting ..."
                    if not waited > PAUSE
                    else "",
                    waited=round(waited, 1),
                )
                time.sleep(PAUSE)
                continue
            raise cannot_connect(connection, error) from error
        else:
            return


def require_unlocked(connection: BaseDatabaseWrapper) -> None:
    """Take SQLite's lock for writing once, before anything else fails for want of it.

    Raises:
        CommandError: Another program holds it for longer than the time-out.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
    except Error as error:
        raise cannot_connect(connection, error) from error


def cannot_connect(
    connection: BaseDatabaseWrapper, error: Exception, *, left: str = "Nothing was changed. "
) -> CommandError:
    """Return the error that explains why the database cannot be reached."""
    reason, solution = (
        _sqlite_reason(connection, error)
        if connection.vendor == "sqlite"
        else _server_reason(connection, error)
    )
    message = " ".join(str(error).split("FATAL:")[-1].split())
    if password := connection.settings_dict.get("PASSWORD"):
        message = message.replace(str(password), "***")
    return CommandError(
        f"Cannot connect to {_place(connection)}: {reason}.\nIt says: {message}\n{left}{solution}"
    )


def unreachable(alias: str = DEFAULT_DB_ALIAS) -> CommandError | None:
    """Return the error that explains why the database cannot be reached, or None if it can."""
    connection = connections[alias]
    try:
        connection.ensure_connection()
    except Error as error:
        return cannot_connect(connection, error, left="")
    return None


def failed_between(connection: BaseDatabaseWrapper, error: Error) -> CommandError:
    """Return the error for a failure between two migrations."""
    return CommandError(
        f"Cannot migrate {_place(connection)}: {explained(error)}\n"
        f"It failed between migrations, so none is half-done. {remedy(error)}"
    )


def _place(connection: BaseDatabaseWrapper) -> str:
    """Return the name and the place of the database, without the password."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"the SQLite database {settings['NAME']}"
    host = settings.get("HOST") or "the local socket"
    return (
        f'the database "{settings["NAME"]}" on {host}, port {settings.get("PORT") or 5432},'
        f' as user "{settings.get("USER") or ""}"'
    )


def _sqlite_reason(connection: BaseDatabaseWrapper, error: Exception) -> tuple[str, str]:
    file = database_file(connection)
    folder = file.parent if file.parent != Path() else Path.cwd()
    setting = configuration().connection_setting(connection)
    if not folder.is_dir():
        return f"there is no folder {folder}", f"Create it, or correct {setting}."
    if file.exists() and not file.is_file():
        return "it is not a file", f"Correct {setting}."
    if sqlite_code(error) == sqlite3.SQLITE_BUSY:
        return (
            "another program has locked it for longer than the time-out",
            "Stop that program (`fuser` names it), then run it again.",
        )
    return (
        "it cannot be opened for writing",
        f"Check that {file} is a SQLite database and that it and its folder may be written.",
    )


def _server_reason(connection: BaseDatabaseWrapper, error: Exception) -> tuple[str, str]:
    """Find out the cause without reading the server's message, which is in its own language."""
    setting = configuration().connection_setting(connection)
    answer = _ping(connection)
    if answer == Ping.NO_ATTEMPT or isinstance(error.__cause__, psycopg.ProgrammingError):
        return "an option is wrong", f"Correct what follows the ? in {setting}."
    if answer == Ping.OK and NO_CONNECTION_LEFT.search(str(error)):
        return (
            "the server, the database or the role has no connection left",
            "Stop some clients, or: ALTER ROLE … CONNECTION LIMIT -1;",
        )
    if answer == Ping.OK:
        return _refusal(connection, setting)
    if answer == Ping.REJECT:
        return (
            "the server is starting or stopping",
            "Try again later, or let `migrate --wait SECONDS` wait for it.",
        )
    if _ping(connection, sslmode="disable") == Ping.OK:
        return (
            "a server answers there, but not with the requested encryption",
            f"Correct sslmode in {setting}, or set up TLS on the server.",
        )
    return (
        "no server answers there",
        f"Start it, or correct host and port in {setting}; `migrate --wait SECONDS` waits for"
        " one that is starting.",
    )


def _refusal(connection: BaseDatabaseWrapper, setting: str) -> tuple[str, str]:
    """Find out why a server that answers refuses the connection."""
    name = connection.settings_dict["NAME"]
    parameters = server_parameters(connection) | {"dbname": "postgres", "connect_timeout": "5"}
    try:
        with psycopg.connect(make_conninfo(**parameters)) as elsewhere:
            known = elsewhere.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            exists = known.fetchone() is not None
    except psycopg.Error:
        return (
            "the server refuses the log-in",
            f"Check the user, the password (@ is written %40, % is %25) and the name of the"
            f" database in {setting}.",
        )
    if not exists:
        return (
            "there is no such database",
            f'Create it (CREATE DATABASE "{name}"), or correct the name in {setting}.',
        )
    return (
        "the server refuses this database to this user",
        f'Let its owner GRANT CONNECT ON DATABASE "{name}", or correct {setting}.',
    )


def _answers(connection: BaseDatabaseWrapper) -> bool:
    return connection.vendor != "postgresql" or _ping(connection) == Ping.OK


def _ping(connection: BaseDatabaseWrapper, **changes: str) -> Ping:
    parameters = server_parameters(connection) | {"connect_timeout": "5"} | changes
    return Ping(PGconn.ping(make_conninfo(**parameters).encode()))


def server_parameters(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Return libpq's connection parameters, without those that are meant for Django."""
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    parameters = connection.get_connection_params().items()
    return {name: str(value) for name, value in parameters if name in known and value is not None}


def database_file(connection: BaseDatabaseWrapper) -> Path:
    """Return the file of a SQLite database."""
    return Path(str(connection.settings_dict["NAME"]).removeprefix("file:").partition("?")[0])
