"""Record what is found of migrations that were applied before their changes were recorded.

What such a migration made is unknown. The tables of its app, as they are when `migrate` next
changes the database, are the baseline of later comparisons.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import StateApps

from schema.drift.expected import unknown_migrations, with_replaced
from schema.drift.trusted import buildable
from schema.history.runs import History
from schema.history.status import in_order
from schema.introspection.changes import ChangeSet, flatten, server_of, to_json
from schema.introspection.read import read_catalog
from schema.models import MigrationKey


def take_as_found(connection: BaseDatabaseWrapper, history: History, apps: StateApps) -> None:
    """Write a run for each applied migration of which nothing is known.

    The run of an app's last one holds the tables of the app's models, as they are.
    """
    loader = MigrationLoader(connection)
    unknown = _unknown_in_order(connection, loader, history)
    if not unknown:
        return
    server = server_of(connection)
    objects = flatten(read_catalog(connection))
    last = dict(unknown)
    for key in unknown:
        tables = set(_tables(apps, key[0])) if last[key[0]] == key[1] else set()
        made = {where: one for where, one in objects.items() if where.table in tables}
        history.take_as_found(loader.disk_migrations[key], to_json(ChangeSet(after=made), server))


def _unknown_in_order(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, history: History
) -> list[MigrationKey]:
    applied = set(MigrationRecorder(connection).applied_migrations())
    known = with_replaced(loader, buildable(loader.graph)) | {
        record.key for record in history.recorded_changes()
    }
    unknown: Collection[MigrationKey] = unknown_migrations(loader, applied, known)
    return [key for key in in_order(loader.graph) if key in unknown]


def _tables(apps: StateApps, app_label: str) -> Iterator[str]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label == app_label:
            yield model._meta.db_table
