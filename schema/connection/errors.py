"""Explain database errors to the operator."""

import re
import sqlite3

import psycopg
from django.db import Error, OperationalError

# https://www.postgresql.org/docs/current/errcodes-appendix.html
LOCK_NOT_AVAILABLE, QUERY_CANCELED = "55P03", "57014"
DEADLOCK_DETECTED, SERIALIZATION_FAILURE = "40P01", "40001"
LOCK_CONFLICTS = {LOCK_NOT_AVAILABLE, QUERY_CANCELED, DEADLOCK_DETECTED, SERIALIZATION_FAILURE}

# A failed connection has no code; a server of another language is not understood here.
NO_CONNECTION_LEFT = re.compile("too many (connections|clients)|connection slots")
HOLD_DATA = {"22", "23"}
"""The classes of codes, data exceptions and violated constraints, whose detail shows a row."""

REMEDIES = {
    "42501": "The role lacks a privilege: grant it, or migrate as the owner of the tables.",
    "42P07": "An object of that name exists already, and this migration did not create it:"
    " `python manage.py verify` shows what differs.",
    "42P01": "A table is missing that earlier migrations created: `python manage.py verify` shows"
    " what differs.",
    "42703": "A column is missing that earlier migrations created: `python manage.py verify` shows"
    " what differs.",
    "2BP01": "Something that this migration did not make depends on what it drops. If another"
    " release made it, run `python manage.py migrate` first; otherwise drop it.",
    "53100": "The server's disk is full: free space, then run migrate again.",
    "53200": "The server is out of memory: try again when it has less to do.",
    "53300": "The server, the database or the role has no connection left: stop some clients, or"
    " raise its CONNECTION LIMIT, then run migrate again.",
    "55000": "A published table needs a replica identity: ALTER TABLE … REPLICA IDENTITY DEFAULT;"
    " then run migrate again.",
    "25006": "The server is read-only (a standby?): connect to the primary instead.",
    "57P01": "The server was shut down, or somebody ended this session: find out why, then run"
    " migrate again (--wait SECONDS waits for a server that is starting).",
    "57P05": "The session was ended by idle_session_timeout: run migrate again.",
    "25P03": "The session was ended by idle_in_transaction_session_timeout: run migrate again.",
    LOCK_NOT_AVAILABLE: "Other sessions held their locks: try again at a quieter time, or raise"
    " --patience.",
    QUERY_CANCELED: "A time limit or an administrator cancelled the statement: run migrate again.",
    DEADLOCK_DETECTED: "It deadlocked with another session: run migrate again.",
}
SQLITE_REMEDIES = {
    sqlite3.SQLITE_FULL: "The disk is full: free space, then run migrate again.",
    sqlite3.SQLITE_BUSY: "Another program keeps writing to the file: stop it, then run migrate"
    " again.",
    sqlite3.SQLITE_READONLY: "The file or its folder may not be written: correct their"
    " permissions.",
    sqlite3.SQLITE_CORRUPT: "The file is damaged: restore a backup.",
    sqlite3.SQLITE_IOERR: "The disk reports errors: check it first.",
}


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's code for `error`, also if it is wrapped."""
    cause: BaseException | None = error
    while cause is not None:
        if code := getattr(cause, "sqlstate", None):
            return str(code)
        cause = cause.__cause__
    return None


def sqlite_code(error: BaseException) -> int | None:
    """Return SQLite's primary code for `error`, also if it is wrapped."""
    cause: BaseException | None = error
    while cause is not None:
        code = getattr(cause, "sqlite_errorcode", None)
        if code is not None:
            return int(code) & 0xFF
        cause = cause.__cause__
    return None


def lost_connection(error: BaseException) -> bool:
    """Whether `error` comes from psycopg and not from the server, which always has a code."""
    from_driver = isinstance(error, OperationalError) and isinstance(error.__cause__, psycopg.Error)
    return from_driver and sqlstate(error) is None


def waited_for_a_lock(error: BaseException) -> bool:
    """Whether `error` is a conflict with another session, so that another attempt may succeed."""
    return sqlstate(error) in LOCK_CONFLICTS or sqlite_code(error) == sqlite3.SQLITE_BUSY


def remedy(error: BaseException) -> str:
    """Return the remedy for `error`."""
    known = REMEDIES.get(sqlstate(error) or "") or SQLITE_REMEDIES.get(sqlite_code(error) or 0)
    if not known and lost_connection(error) and NO_CONNECTION_LEFT.search(str(error)):
        known = REMEDIES["53300"]
    if not known and lost_connection(error):
        known = (
            "The connection was lost: check the server and the network, then run migrate"
            " again (--wait SECONDS waits for a server that is starting)."
        )
    return known or "Fix the cause reported above, then run migrate again."


def explained(error: BaseException) -> str:
    """Return the database's message with its detail and hint, but without people's data.

    The detail of a violated constraint is the row itself, and that of a failed conversion may be.
    """
    text = first_line(error)
    diagnosis = getattr(error if hasattr(error, "diag") else error.__cause__, "diag", None)
    if diagnosis is None or (sqlstate(error) or "")[:2] in HOLD_DATA:
        return _sentence(text)
    parts = [text, diagnosis.message_detail, diagnosis.message_hint]
    return " ".join(_sentence("; ".join(part.splitlines())) for part in parts if part)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", ")")) else f"{text}."


def first_line(error: BaseException) -> str:
    """Return the first line of the database's message."""
    text = str(error).strip()
    return text.splitlines()[0] if isinstance(error, Error) and text else text
