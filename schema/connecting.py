"""Reaching the database, and plain words where it cannot be reached."""

import time
from pathlib import Path

import psycopg
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import NotSupportedError
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from schema.reporting import Report

PAUSE = 0.5
"""Seconds between two attempts to reach a server that is not there yet."""


def connect(connection: BaseDatabaseWrapper, report: Report, *, wait: float = 0) -> None:
    """Connect; for a server that does not answer yet, try again for `wait` seconds.

    Raises:
        CommandError: it cannot be reached; the text says what failed, where, and what to do.
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
                report.say(
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


def cannot_connect(connection: BaseDatabaseWrapper, error: Exception) -> CommandError:
    """Return the error that says why the database cannot be reached, and what to do."""
    reason, remedy = (
        _sqlite_reason(connection) if connection.vendor == "sqlite" else _server_reason(connection)
    )
    said = " ".join(str(error).split("FATAL:")[-1].split())
    if password := connection.settings_dict.get("PASSWORD"):
        said = said.replace(str(password), "***")
    return CommandError(
        f"Cannot connect to {_place(connection)}: {reason}.\n"
        f"It says: {said}\nNothing was changed. {remedy}"
    )


def _place(connection: BaseDatabaseWrapper) -> str:
    """Name the database and where it is; never the password."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"the SQLite database {settings['NAME']}"
    host = settings.get("HOST") or "the local socket"
    return (
        f'the database "{settings["NAME"]}" on {host}, port {settings.get("PORT") or 5432},'
        f' as user "{settings.get("USER") or ""}"'
    )


def url_variable(connection: BaseDatabaseWrapper) -> str:
    """Return the name of the setting that says where the database is."""
    if direct := connection.settings_dict.get("URL_VARIABLE"):
        return str(direct)
    if connection.alias == DEFAULT_DB_ALIAS:
        return "DATABASE_URL"
    return f"DATABASES[{connection.alias!r}]"


def _sqlite_reason(connection: BaseDatabaseWrapper) -> tuple[str, str]:
    file = database_file(connection)
    folder = file.parent if file.parent != Path() else Path.cwd()
    if not folder.is_dir():
        return f"there is no folder {folder}", f"Make it, or correct {url_variable(connection)}."
    if file.exists() and not file.is_file():
        return "it is not a file", f"Correct {url_variable(connection)}."
    return (
        "it cannot be opened for writing",
        f"Check that {file} is a SQLite database and that it and its folder may be written.",
    )


def _server_reason(connection: BaseDatabaseWrapper) -> tuple[str, str]:
    """Find out which of the causes it is, without reading the server's words.

    They come in the server's language.
    """
    variable = url_variable(connection)
    answer = _ping(connection)
    if answer == Ping.REJECT:
        return (
            "the server is starting or stopping",
            "Try again in a moment, or let --wait SECONDS do it.",
        )
    if answer != Ping.OK:
        return (
            "no server answers there",
            f"Start it, or correct host and port in {variable}; --wait SECONDS waits for one"
            " that is starting.",
        )
    name = connection.settings_dict["NAME"]
    parameters = _parameters(connection) | {"dbname": "postgres"}
    try:
        with psycopg.connect(make_conninfo(**parameters), connect_timeout=5) as elsewhere:
            known = elsewhere.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if known.fetchone() is None:
                return (
                    "there is no such database",
                    f'Create it (CREATE DATABASE "{name}"), or correct the name in {variable}.',
                )
    except psycopg.Error:
        return (
            "the server refuses the log-in",
            f"Check the user, the password and the name of the database in {variable}.",
        )
    return (
        "the server refuses this database to this user",
        f'Let its owner GRANT CONNECT ON DATABASE "{name}", or correct {variable}.',
    )


def _answers(connection: BaseDatabaseWrapper) -> bool:
    return connection.vendor != "postgresql" or _ping(connection) == Ping.OK


def _ping(connection: BaseDatabaseWrapper) -> Ping:
    return Ping(PGconn.ping(make_conninfo(**_parameters(connection), connect_timeout=5).encode()))


def _parameters(connection: BaseDatabaseWrapper) -> dict[str, str]:
    settings = connection.settings_dict
    named = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    options = {
        key: settings["OPTIONS"][key]
        for key in ("sslmode", "sslrootcert")
        if key in settings.get("OPTIONS", {})
    }
    return {key: str(settings[name]) for key, name in named.items() if settings.get(name)} | options


def database_file(connection: BaseDatabaseWrapper) -> Path:
    """Return the file of a SQLite database."""
    return Path(str(connection.settings_dict["NAME"]).removeprefix("file:").partition("?")[0])
