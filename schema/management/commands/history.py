"""Show the runs recorded in the database: their time, user, changes and outcome."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.utils import timezone

from schema.adoption.other_schemas import require_own_schema
from schema.connection.connect import connect
from schema.connection.errors import first_line
from schema.models import MigrationRun
from schema.report import Report, SafeOutputCommand, duration

FIELDS = [
    "app",
    "name",
    "direction",
    "outcome",
    "started_at",
    "finished_at",
    "error",
    "operator",
    "host",
    "checksum",
]


class Command(SafeOutputCommand):
    """List the runs of migrations, the newest last."""

    help = "Lists the runs of migrations, the newest last."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the database and the form of the output."""
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, choices=tuple(connections))
        parser.add_argument(
            "--json", action="store_true", dest="as_json", help="Print one JSON object a run."
        )

    kept: dict[int, list[str]] = {}

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line a run, and the error of one that failed under it."""
        connection = connections[options["database"]]
        connect(connection, Report(self.stdout, quiet=True))
        require_own_schema(connection)
        runs: list[MigrationRun] = []
        try:
            if MigrationRun._meta.db_table in connection.introspection.table_names():
                runs = list(
                    MigrationRun.objects.using(options["database"]).defer("changes").order_by("id")
                )
                self.kept = kept_of(runs, options["database"])
        except Error as error:
            raise CommandError(f"The history cannot be read: {first_line(error)}") from error
        if options["as_json"]:
            for run in runs:
                values = {field: getattr(run, field) for field in FIELDS}
                values["kept"] = self.kept.get(run.pk, [])
                self.stdout.write(
                    json.dumps(values | {"seconds": seconds(run)}, cls=DjangoJSONEncoder)
                )
            return
        if not runs:
            self.stdout.write("No runs yet: `python manage.py migrate` writes the history.")
        for run in runs:
            self._write(run)

    def _write(self, run: MigrationRun) -> None:
        took = seconds(run)
        style = {
            MigrationRun.Outcome.FAILED: self.style.ERROR,
            MigrationRun.Outcome.INTERRUPTED: self.style.WARNING,
        }.get(MigrationRun.Outcome(run.outcome), str)
        self.stdout.write(
            f"{timezone.localtime(run.started_at):%Y-%m-%d %H:%M:%S %Z}"
            f"  {run.app}.{run.name}  {run.direction}  "
            + style(run.outcome)
            + ("" if took is None else f" in {duration(took)}")
            + f"  ({run.operator} on {run.host})"
        )
        for line in [*self.kept.get(run.pk, []), *run.error.strip().splitlines()]:
            self.stdout.write(f"    {line}")


def seconds(run: MigrationRun) -> float | None:
    """Return how long a run took; nobody knows it of one that was interrupted."""
    if run.finished_at is None:
        return None
    return (run.finished_at - run.started_at).total_seconds()


def kept_of(runs: list[MigrationRun], alias: str) -> dict[int, list[str]]:
    """Return what each run set aside or put back, of those that did."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        table = MigrationRun._meta.db_table
        columns = connection.introspection.get_table_description(cursor, table)
    if not runs or "changes" not in {column.name for column in columns}:
        return {}
    records = MigrationRun.objects.using(alias).filter(changes__has_key="kept")
    return dict(records.values_list("pk", "changes__kept"))
