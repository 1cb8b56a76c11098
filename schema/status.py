"""Which migrations are applied, and which are pending."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from schema.models import MigrationRun


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


@cache
def known_migrations() -> list[tuple[str, str]]:
    """Return every migration of the code in an order to apply them in; read once a process."""
    graph = MigrationLoader(None, ignore_no_migrations=True).graph
    ordered = {
        key: None  # each once
        for leaf in graph.leaf_nodes()
        for key in graph.forwards_plan(leaf)
    }
    return list(ordered)


def pending_migrations(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of the migrations that the database lacks, in order.

    Raises:
        django.db.Error: The database does not answer.
    """
    applied = MigrationRecorder(connection).applied_migrations()
    return [".".join(key) for key in known_migrations() if key not in applied]


def migration_status(connection: BaseDatabaseWrapper) -> Status:
    """Return what the database says of its migrations, and what the code asks for."""
    runs = {
        (run.app, run.name): run
        for run in MigrationRun.objects.using(connection.alias)
        .filter(
            direction=MigrationRun.Direction.FORWARDS,
            outcome__in=[MigrationRun.Outcome.SUCCEEDED, MigrationRun.Outcome.ADOPTED],
        )
        .order_by("id")
    }
    applied = []
    for record in MigrationRecorder(connection).migration_qs.order_by("-applied", "-id"):
        run = runs.get((record.app, record.name))
        took = run.finished_at - run.started_at if run and run.finished_at else None
        label = run.get_outcome_display() if run else ""
        applied.append(Applied(f"{record.app}.{record.name}", record.applied, took, label))
    return Status(applied, pending_migrations(connection))
