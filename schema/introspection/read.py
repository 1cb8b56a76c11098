"""Read the catalog of whichever engine a connection leads to."""

from collections.abc import Sequence

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection import postgresql, sqlite
from schema.introspection.catalog import Catalog, CatalogError


def read_catalog(connection: BaseDatabaseWrapper, *, names_from: Sequence[str] = ()) -> Catalog:
    """Return what is in the connection's current schema.

    On PostgreSQL the names of objects in `names_from`, other schemas, are written without the
    schema, as those of the current schema always are.

    Raises:
        CatalogError: there is no schema to read, or the engine is not supported.
    """
    match connection.vendor:
        case "postgresql":
            return postgresql.read(connection, names_from)
        case "sqlite":
            return sqlite.read(connection)
    raise CatalogError(f"Only PostgreSQL and SQLite can be checked, not {connection.vendor}.")
