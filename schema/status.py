"""Which migrations are applied, and which are pending."""

from dataclasses import dataclass
from datetime import datetime, timedelta

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


def migration_status(connection: BaseDatabaseWrapper) -> Status:
    """Read the migrations of all apps and compare them with the database's record."""
    loader = MigrationLoader(connection)
    done = set(loader.applied_migrations)
    pending: dict[str, None] = {}  # in order, each once
    for leaf in loader.graph.leaf_nodes():
        for key in loader.graph.forwards_plan(leaf):
            if key not in done:
                pending[".".join(key)] = None
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
    return Status(applied, list(pending))
