"""Read the catalog of whichever engine a connection leads to."""

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection import postgresql, sqlite
from schema.introspection.catalog import Catalog, CatalogError


def read_catalog(connection: BaseDatabaseWrapper) -> Catalog:
    """Return what is in the connection's current schema.

    Raises:
        CatalogError: there is no schema to read, or the engine is not supported.
    """
    match connection.vendor:
        case "postgresql":
            return postgresql.read(connection)
        case "sqlite":
            return sqlite.read(connection)
    raise CatalogError(f"Only PostgreSQL and SQLite can be checked, not {connection.vendor}.")
