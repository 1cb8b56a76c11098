"""Pauses of the data step in progress: by an operator in another shell, or for replicas."""

from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.batches.pauses import PausePolicy
from schema.history.runs import operator
from schema.models import MigrationPause
from schema.report import Report


def policy_of(options: dict[str, Any], report: Report) -> PausePolicy:
    """Return what makes a step pause, as the options say; pauses are reported."""
    return PausePolicy(
        max_lag=options["max_lag"],
        max_retained=round(options["max_retained_wal"] * 2**20),
        on_pause=lambda text: report.write("pause", f"  The data step {text}.", reason=text),
    )


def signal(connection: BaseDatabaseWrapper, report: Report, *, pause: bool) -> None:
    """Let the migrate that runs in another process pause, or go on.

    Raises:
        CommandError: The database has no table for it.
    """
    if not _has_table(connection):
        raise CommandError(
            "This database has no table to ask for a pause in.\nRun `migrate` first, or stop the"
            " other process: the next run resumes where it was."
        )
    pauses = MigrationPause.objects.using(connection.alias)
    if pause:
        pauses.create(operator=operator(connection))
        report.write("pause_requested", "The data step in progress pauses after its batch.")
    else:
        pauses.all().delete()
        report.write("resume_requested", "The data step in progress goes on.")


def clear_pauses(connection: BaseDatabaseWrapper) -> None:
    """Forget the pauses that were asked of earlier runs."""
    if _has_table(connection):
        MigrationPause.objects.using(connection.alias).all().delete()


def _has_table(connection: BaseDatabaseWrapper) -> bool:
    return MigrationPause._meta.db_table in connection.introspection.table_names()
