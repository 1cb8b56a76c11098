"""Which migrations are applied, and which are pending."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from schema.models import MigrationKey, MigrationRun


@dataclass(frozen=True)
class Applied:
    """A migration that the database has; `took` where our own migrate applied it."""

    name: str
    at: datetime
    took: timedelta | None
    outcome: str


@dataclass(frozen=True)
class Status:
    """Every migration: what was applied, latest first, and what comes next, in order."""

    applied: list[Applied]
    pending: list[str]


def project_apps() -> set[str]:
    """Return the labels of the apps that are this project's, not the framework's."""
    return {
        config.label
        for config in apps.get_app_configs()
        if not config.name.startswith("django.contrib.")
    }


@cache
def _code() -> MigrationLoader:
    """Return the loader of the code's migrations, read once a process."""
    return MigrationLoader(None, ignore_no_migrations=True)


@cache
def known_migrations() -> list[MigrationKey]:
    """Return every migration of the code in an order to apply them in."""
    return in_order(_code().graph)


def in_order(graph: MigrationGraph) -> list[MigrationKey]:
    """Return every migration of the graph in an order to apply them in.

    Those of this app come first: the history and the progress of batches stand in its tables.
    """
    ordered = {
        key: None  # each once
        for leaf in sorted(graph.leaf_nodes(), key=lambda leaf: leaf[0] != "schema")
        for key in graph.forwards_plan(leaf)
    }
    return list(ordered)


def stood_for(loader: MigrationLoader, recorded: Collection[MigrationKey]) -> set[MigrationKey]:
    """Return those of the recorded migrations that another one, recorded too, replaces."""
    return {
        part
        for key, migration in loader.replacements.items()
        if key in recorded
        for part in migration.replaces
    }


def pending_migrations(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of the migrations that the database lacks, in order.

    Raises:
        django.db.Error: The database does not answer.
    """
    applied = MigrationRecorder(connection).applied_migrations()
    return [".".join(key) for key in known_migrations() if key not in applied]


def migration_status(connection: BaseDatabaseWrapper) -> Status:
    """Return the applied migrations of the database, and the pending ones of the code."""
    runs = {
        (run.app, run.name): run
        for run in MigrationRun.objects.using(connection.alias)
        .defer("changes")  # its column comes later than the table
        .filter(
            direction=MigrationRun.Direction.FORWARDS,
            outcome__in=[MigrationRun.Outcome.SUCCEEDED, MigrationRun.Outcome.ADOPTED],
        )
        .order_by("id")
    }
    records = list(MigrationRecorder(connection).migration_qs.order_by("-applied", "-id"))
    hidden = stood_for(_code(), {(record.app, record.name) for record in records})
    applied = []
    for record in records:
        if (record.app, record.name) in hidden:
            continue
        run = runs.get((record.app, record.name))
        took = run.finished_at - run.started_at if run and run.finished_at else None
        label = run.get_outcome_display() if run else ""
        applied.append(Applied(f"{record.app}.{record.name}", record.applied, took, label))
    return Status(applied, pending_migrations(connection))
