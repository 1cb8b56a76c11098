"""Write the summary at the end of every `migrate`."""

from datetime import datetime

from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from schema.connection.configuration import configuration
from schema.execution.executor import RecordingExecutor
from schema.history.status import project_apps, stood_for
from schema.models import MigrationKey
from schema.report import Report

RULE = "-" * 60


def applied_in_order(recorder: MigrationRecorder) -> list[tuple[MigrationKey, datetime]]:
    """Return this project's applied migrations and when, in order of application."""
    if not recorder.has_table():
        return []
    records = recorder.migration_qs.filter(app__in=project_apps()).order_by("applied", "id")
    return [((record.app, record.name), record.applied) for record in records]


def write_summary(report: Report, executor: RecordingExecutor) -> None:
    """Report every applied migration of this project with its time, and the total.

    Those that an applied one replaces are not named beside it.
    """
    recorded = dict(applied_in_order(executor.recorder))
    hidden = stood_for(executor.loader, recorded)
    applied = [
        (".".join(key), applied_at) for key, applied_at in recorded.items() if key not in hidden
    ]
    width = max([len(name) for name, _ in applied], default=0)
    lines = [
        f"  {name:<{width}}  {timezone.localtime(applied_at):%Y-%m-%d %H:%M:%S %Z}"
        for name, applied_at in applied
    ]
    report.write(
        "summary",
        "\n".join(
            ["", "Migration summary:", RULE, *lines, RULE, f"Total migrations: {len(applied)}"]
        ),
        migrations=[{"migration": name, "applied": applied_at} for name, applied_at in applied],
        total=len(applied),
    )


def write_next_steps(report: Report) -> None:
    """Report the commands that the project recommends after its first migrate."""
    steps = configuration().next_steps
    if not steps:
        return
    width = max(len(command) for command, _ in steps)
    lines = [f"  {command:<{width}}   {purpose}" for command, purpose in steps]
    report.write(
        "next_steps",
        "\n".join(["", "What to do next:", *lines]),
        commands=[command for command, _ in steps],
    )
