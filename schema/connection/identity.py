"""Identify the server and the database that a connection has reached."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection

IDENTITY = """
    SELECT (SELECT system_identifier FROM pg_control_system()), oid, datname,
           pg_postmaster_start_time()
    FROM pg_database WHERE datname = current_database()
"""
# Parameters of the way to a server that has been found; every libpq in use knows them.
KEPT = {
    "channel_binding",
    "gssencmode",
    "krbsrvname",
    "options",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslrootcert",
}


def reached(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Return libpq's parameters for the server that answered, without the password.

    The settings may name several hosts, a service, or nothing at all, and the environment may
    add to them; libpq knows which server it is.
    """
    info = connection.connection.info
    others = {name: value for name, value in info.get_parameters().items() if name in KEPT}
    known = {"host": info.host, "port": str(info.port), "user": info.user, "dbname": info.dbname}
    if address := info.get_parameters().get("hostaddr"):
        known["hostaddr"] = info.hostaddr if "," in address else address
    return {name: value for name, value in (others | known).items() if value}


def identity(connection: BaseDatabaseWrapper | Connection[Any]) -> tuple[Any, ...]:
    """Return what tells this database from every other: the cluster's number, its own, its start.

    A standby shares the cluster's number, but not the time at which it was started.
    """
    with connection.cursor() as cursor:
        cursor.execute(IDENTITY)
        row: tuple[Any, ...] = tuple(cursor.fetchone() or ())
    return row
