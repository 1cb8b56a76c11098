"""The row that a file of the export writes into the history of runs."""

from __future__ import annotations

import json

from schema.batches.ranges import literal
from schema.execution.recorded_sql import Recording
from schema.history.checksums import migration_checksum
from schema.introspection.changes import ChangeSet, to_json
from schema.models import MigrationRun

NOW = {"postgresql": "now()", "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')"}
"""The current time as the engine's rows hold it."""
OPERATOR = {"postgresql": "current_user || ' with exported SQL'", "sqlite": "'exported SQL'"}
TYPE = {"postgresql": "::jsonb", "sqlite": ""}


def run_record(
    server: str, recording: Recording, direction: MigrationRun.Direction, done: str
) -> str:
    """Return the statement that records the run and its changes, unless it is `done` already."""
    vendor = server.split()[0]
    migration, own = recording.migration, recording.changes
    if own is not None and direction == MigrationRun.Direction.BACKWARDS:
        own = ChangeSet(before=own.after, after=own.before)
    document = "NULL"
    if own is not None:
        document = literal(json.dumps(to_json(own, server), ensure_ascii=False)) + TYPE[vendor]
    values = [
        literal(migration.app_label),
        literal(migration.name),
        literal(str(direction)),
        literal(str(MigrationRun.Outcome.SUCCEEDED)),
        NOW[vendor],
        NOW[vendor],
        OPERATOR[vendor],
        "''",
        literal(migration_checksum(migration)),
        document,
    ]
    return (
        f"INSERT INTO {MigrationRun._meta.db_table} (app, name, direction, outcome, started_at,"
        " finished_at, operator, host, checksum, changes)"
        f" SELECT {', '.join(values)} WHERE NOT {done}"
    )
