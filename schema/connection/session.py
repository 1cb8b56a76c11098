"""Sessions that migrate: they may take their time, and leave disk and processors to the site."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

TIME_LIMITS = [
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
]
WRITTEN_BACK = "2MB"
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
GATHERED = 64 * 1024
"""How much a GIN index gathers of its words before it puts them in order, at most, in kB.

It gathers them in a tree, which is walked for every word of every row: one that is larger than
the processor's caches takes up to half as long again. Of 64 MB each of two processes has 32, the
least with which PostgreSQL lets one help.
"""


@contextmanager
def for_migrating(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Lift the session's time limits, and hold what it writes and its processes in, meanwhile.

    Limits that the role or the database sets for the site's requests would cut an index build
    off, again and again. What keeps a migration from being in people's way is its lock_timeout.
    """
    if connection.vendor != "postgresql":
        yield
        return
    # The limits first: they would cut off the questions about the rest as well.
    with _holding(connection, dict.fromkeys(_limits(connection), "0")):
        settings = {"backend_flush_after": WRITTEN_BACK}
        for helpers in ("max_parallel_workers_per_gather", "max_parallel_maintenance_workers"):
            settings |= _at_most(connection, helpers, WORKERS)
        with _holding(connection, settings):
            yield


@contextmanager
def for_gathering(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Hold the memory in that a GIN index is built with meanwhile."""
    with _holding(connection, _at_most(connection, "maintenance_work_mem", GATHERED)):
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


@contextmanager
def _holding(connection: BaseDatabaseWrapper, settings: dict[str, str]) -> Iterator[None]:
    """Let the session have `settings` meanwhile."""
    if not settings:
        yield
        return
    _set(connection, settings, local=False)
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("; ".join(f"RESET {name}" for name in settings))


def _set(connection: BaseDatabaseWrapper, settings: dict[str, str], *, local: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + ", ".join(["set_config(%s, %s, %s)"] * len(settings)),
            [value for name, setting in settings.items() for value in (name, setting, local)],
        )


def _limits(connection: BaseDatabaseWrapper) -> list[str]:
    newer = connection.connection.info.server_version >= 170000
    return [*TIME_LIMITS, *(["transaction_timeout"] if newer else [])]
