"""Retry the statements of a migration that cannot be started again.

What a migration without a transaction has committed would be in the way of a second attempt, and
the code of another app must not run twice. So not the migration but each statement is retried.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.connection.errors import waited_for_a_lock
from schema.connection.retry import GaveUpError, milliseconds, retry, retry_policy
from schema.connection.session import session_settings

CONCURRENT = re.compile(
    r"\s*(CREATE\s+(UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\s.*)\s+CONCURRENTLY\b",
    re.IGNORECASE | re.DOTALL,
)


@contextmanager
def statements_retried(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Retry each statement outside a transaction until it gets its locks, or patience ends.

    Raises:
        GaveUpError: A statement did not get its locks.
    """
    try:
        with connection.execute_wrapper(_retry):
            yield
    except Error as error:
        if waited_for_a_lock(error) and not isinstance(error, GaveUpError):
            raise GaveUpError(str(error)) from error
        raise


def _retry(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute a statement; Django calls this wrapper."""
    connection: BaseDatabaseWrapper = context["connection"]
    if connection.in_atomic_block:
        return execute(sql, params, many, context)
    if CONCURRENT.match(str(sql)):
        # To give way would leave an invalid index behind. Neither readers nor writers wait for it.
        patience = milliseconds(retry_policy.get().patience)
        with session_settings(connection, {"lock_timeout": patience}):
            return execute(sql, params, many, context)
    return retry(lambda: execute(sql, params, many, context))
