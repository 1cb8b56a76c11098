"""Sessions that migrate: they may take their time, and leave disk and processors to the site."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

TIME_LIMITS = [
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
]
FLUSH_AFTER = "2MB"
"""How much the session writes before the server has it brought to disk; the most there can be.

By default the operating system gathers it, gigabytes of it where the table does not fit into the
server's memory. The next checkpoint brings all of that to disk at once, and whoever commits then
waits (https://www.postgresql.org/docs/current/runtime-config-resource.html).
"""
WORKERS = 1
"""How many processes may help the session read a table, vacuum it or build an index, at most.

Two go through a table in a data step as well. On two processors a third makes it slower, and on
more they are left to the site.
"""
GIN_MEMORY = 64 * 1024
"""How much a GIN index gathers of its words before it puts them in order, at most, in kB.

It gathers them in a tree, which is walked for every word of every row: one that is larger than
the processor's caches takes up to half as long again. Of 64 MB each of two processes has 32, the
least with which PostgreSQL lets one help.
"""


@contextmanager
def session_settings(
    connection: BaseDatabaseWrapper, settings: Mapping[str, str]
) -> Iterator[None]:
    """Give the session other settings, and restore the previous values at the end.

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
    """Lift the session's time limits, and hold what it writes and its processes in, meanwhile.

    Limits that the role or the database sets for the site's requests would cut an index build
    off, again and again. What keeps a migration from being in people's way is its lock_timeout.
    """
    if connection.vendor != "postgresql":
        yield
        return
    # The limits first: they would cut off the questions about the rest as well.
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
    """Hold the memory in that a GIN index is built with meanwhile."""
    with session_settings(connection, _at_most(connection, "maintenance_work_mem", GIN_MEMORY)):
        yield


def lift_time_limits_here(connection: BaseDatabaseWrapper) -> None:
    """Lift the limits for the transaction at hand: behind a pooler nothing else is ours."""
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
