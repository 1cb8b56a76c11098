"""Read the catalog of whichever engine a connection leads to."""

from collections.abc import Sequence
from dataclasses import replace

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection import postgresql, sqlite
from schema.introspection.catalog import Catalog, CatalogError
from schema.models import KEPT_PREFIX


def read_catalog(connection: BaseDatabaseWrapper, *, names_from: Sequence[str] = ()) -> Catalog:
    """Return what is in the connection's current schema.

    On PostgreSQL the names of objects in `names_from`, other schemas, are written without the
    schema, as those of the current schema always are.

    Raises:
        CatalogError: there is no schema to read, or the engine is not supported.
    """
    match connection.vendor:
        case "postgresql":
            return without_kept(postgresql.read(connection, names_from))
        case "sqlite":
            return without_kept(sqlite.read(connection))
    raise CatalogError(f"Only PostgreSQL and SQLite can be checked, not {connection.vendor}.")


def without_kept(catalog: Catalog) -> Catalog:
    """Return the catalog without what rollbacks set aside: no migration makes or needs it."""
    return replace(
        catalog,
        tables={
            name: replace(
                table,
                columns={
                    column: one
                    for column, one in table.columns.items()
                    if not column.startswith(KEPT_PREFIX)
                },
                constraints=[
                    one for one in table.constraints if not one.name.startswith(KEPT_PREFIX)
                ],
            )
            for name, table in catalog.tables.items()
            if not name.startswith(KEPT_PREFIX)
        },
    )
