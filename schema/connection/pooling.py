"""Detect a connection pooler, through which session locks protect nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.connection.configuration import SETTING, configuration
from schema.connection.connect import connect
from schema.connection.identity import identity
from schema.report import Report

ROUNDS = 3
"""How often two sessions are compared by the backend that serves them."""


@contextmanager
def direct_connection(connection: BaseDatabaseWrapper, report: Report) -> Iterator[None]:
    """Connect to the server itself for the duration of the block, if there is a pooler.

    Args:
        connection: Connected already.
        report: Gets an event if the direct connection is used.

    Raises:
        CommandError: The pooler works by transaction, and no direct connection is configured.
    """
    if connection.vendor != "postgresql" or not shares_backends(connection):
        yield
        return
    project, alias = configuration(), connection.alias
    setting, direct_setting = (
        project.connection_setting(connection),
        project.direct_connection_setting(alias),
    )
    direct = project.direct_connections.get(alias)
    if not direct:
        raise CommandError(
            "The database is reached through a pooler that lends its sessions to others between"
            " two transactions (pgbouncer's pool_mode = transaction): a lock held there protects"
            f" nothing.\nNothing was changed. Set {direct_setting} to the server itself; only"
            " migrate uses it."
        )
    pooled, database = connection.settings_dict, identity(connection)
    connection.close()
    connection.settings_dict = {**pooled, **direct, SETTING: direct_setting}
    try:
        connect(connection, report)
        if identity(connection) != database:
            raise CommandError(
                f"{direct_setting} and {setting} lead to different databases.\n"
                "Nothing was changed. Correct one of them."
            )
        report.write("direct", f"{setting} goes through a pooler: migrating over {direct_setting}.")
        yield
    finally:
        connection.close()
        connection.settings_dict = pooled


def shares_backends(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a pooler lends the session's backend to other sessions.

    The backend itself and the one that the protocol's first messages named are the same
    only without a pooler. A pooler that keeps a backend for each session is harmless; one
    that does not gives an idle session's backend to the next that asks.
    """
    if _backend(connection) == connection.connection.info.backend_pid:
        return False
    other = connection.copy()
    try:
        mine, theirs = set(), set()
        for _ in range(ROUNDS):
            mine.add(_backend(connection))
            theirs.add(_backend(other))
    finally:
        other.close()
    return len(mine) > 1 or len(theirs) > 1 or mine == theirs


def _backend(connection: BaseDatabaseWrapper) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
