"""Work over a connection of one's own, known to Django for as long as it lasts."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


@contextmanager
def separate_connection(
    connection: BaseDatabaseWrapper, purpose: str
) -> Iterator[BaseDatabaseWrapper]:
    """Give another connection to the database; on SQLite, one to an empty database in memory."""
    alias = f"{purpose}_{uuid4().hex}"
    own = connection.copy(alias=alias)
    if connection.vendor == "sqlite":
        own.settings_dict["NAME"] = ":memory:"
    connections[alias] = own
    try:
        yield own
    finally:
        BaseDatabaseWrapper.close(own)  # Django's own close() spares databases in memory
        del connections[alias]
