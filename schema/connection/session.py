"""Settings of sessions that migrate."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

TIME_LIMITS = [
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
]
FLUSH_AFTER = "2MB"
"""How much the session writes before the server flushes it to disk; the largest allowed value.

By default the operating system collects it, gigabytes of it if the table does not fit into the
server's memory. The next checkpoint flushes all of it at once, and every commit waits meanwhile (https://www.postgresql.org/docs/current/runtime-config-resource.html).
"""
WORKERS = 1
"""The maximum number of parallel workers of a scan, a vacuum or an index build.

A data step uses two sessions as well. On two processors a third process makes it slower; on more
processors, the rest is for the site.
"""
GIN_MEMORY = 64 * 1024
"""The maximum memory for the build of a GIN index, in kB.

The build collects words in a tree and searches it for every word of every row. A tree that exceeds
the processor's caches takes up to half as long again. Of 64 MB each of two processes gets 32, the
minimum for a parallel worker.
"""


@contextmanager
def session_settings(
    connection: BaseDatabaseWrapper, settings: Mapping[str, str]
) -> Iterator[None]:
    """Change settings of the session, and restore the previous values at the end.

    `RESET` would restore the role's defaults and so undo what an enclosing block has set. A
    session that is lost or whose transaction has failed is left alone: the settings end with it.
    Does nothing on SQLite.
    """
    if connection.vendor != "postgresql" or not settings:
        yield
        return
    previous = _change(connection, settings)
    try:
        yield
    except BaseException:
        if connection.is_usable():
            _set(connection, previous, local=False)
        raise
    _set(connection, previous, local=False)


@contextmanager
def migration_session(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Remove the session's time limits, and limit its use of disk and processors.

    Limits that the role or the database sets for the site's requests would interrupt every index
    build. lock_timeout is what keeps a migration from blocking the site.
    """
    if connection.vendor != "postgresql":
        yield
        return
    # The limits first: they would interrupt the queries below as well.
    with session_settings(connection, dict.fromkeys(_limits(connection), "0")):
        # The server then refuses a query from which a policy would hide rows.
        settings = {
            "backend_flush_after": FLUSH_AFTER,
            "row_security": "off",
            # A commit waits without end for a synchronous standby that is away.
            "synchronous_commit": "local",
        }
        for helpers in ("max_parallel_workers_per_gather", "max_parallel_maintenance_workers"):
            settings |= _at_most(connection, helpers, WORKERS)
        with session_settings(connection, settings):
            yield


@contextmanager
def gin_build_memory(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Limit the memory for the build of a GIN index."""
    with session_settings(connection, _at_most(connection, "maintenance_work_mem", GIN_MEMORY)):
        yield


def lift_time_limits_here(connection: BaseDatabaseWrapper) -> None:
    """Remove the limits for the current transaction, which is all that a pooler leaves."""
    if connection.vendor == "postgresql":
        _set(connection, dict.fromkeys(_limits(connection), "0"), local=True)


def _at_most(connection: BaseDatabaseWrapper, name: str, most: int) -> dict[str, str]:
    """Return the setting that lowers `name` to `most`, in its own unit, where it is higher."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting::bigint FROM pg_settings WHERE name = %s", [name])
        return {name: str(most)} if cursor.fetchone()[0] > most else {}


def _change(connection: BaseDatabaseWrapper, settings: Mapping[str, str]) -> dict[str, str]:
    """Set the session's `settings`; return the values before, in the same round trip."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH previous AS MATERIALIZED ("
            " SELECT name, value, current_setting(name) AS old"
            " FROM unnest(%s::text[], %s::text[]) AS setting (name, value))"
            " SELECT name, old, set_config(name, value, false) FROM previous",
            [list(settings), list(settings.values())],
        )
        return {name: old for name, old, _ in cursor.fetchall()}


def _set(connection: BaseDatabaseWrapper, settings: Mapping[str, str], *, local: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + ", ".join(["set_config(%s, %s, %s)"] * len(settings)),
            [value for name, setting in settings.items() for value in (name, setting, local)],
        )


def _limits(connection: BaseDatabaseWrapper) -> list[str]:
    newer = connection.connection.info.server_version >= 170000
    return [*TIME_LIMITS, *(["transaction_timeout"] if newer else [])]
