"""Whether a database is one that another tool made, and is to be taken over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.utils.module_loading import import_string

from schema.adoption.markers import anchors
from schema.adoption.plan import Adoption
from schema.adoption.spec import Facts
from schema.connection.configuration import configuration
from schema.models import MigrationKey, MigrationRun


def adoption_of(
    connection: BaseDatabaseWrapper,
    loader: MigrationLoader,
    doing: Callable[[str], None] = lambda _: None,
) -> Adoption | None:
    """Return the adoption that the database is in need of, if it is."""
    path = configuration().adoption
    if connection.vendor != "postgresql" or not path:
        return None
    facts: Facts = import_string(path)
    adoption = Adoption(connection, loader, facts, doing)
    begun = adoption.pending and _begun(connection, loader, adoption.pending)
    return adoption if begun else None


def _begun(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, pending: Sequence[MigrationKey]
) -> bool:
    """Whether something of a pending step is there, or an adoption was interrupted."""
    with connection.cursor() as cursor:
        names = set(connection.introspection.table_names(cursor, include_views=True))
        if not names:
            return False
        if MigrationRun._meta.db_table in names:
            runs = MigrationRun.objects.using(connection.alias).filter(
                direction=MigrationRun.Direction.FORWARDS
            )
            done = set(
                runs.filter(
                    outcome__in=[MigrationRun.Outcome.SUCCEEDED, MigrationRun.Outcome.ADOPTED]
                ).values_list("app", "name")
            )
            never_done = [key for key in pending if key not in done]
            if never_done and runs.filter(outcome=MigrationRun.Outcome.ADOPTED).exists():
                return True
        for key in pending:
            for table, column in anchors(loader, key):
                if table in names and (
                    column is None
                    or column
                    in {
                        one.name
                        for one in connection.introspection.get_table_description(cursor, table)
                    }
                ):
                    return True
    return False
