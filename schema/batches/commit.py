"""Commit one batch of a data step together with its position.

On PostgreSQL a batch is one round trip, however many statements it has: over a network, waiting for
answers would take longer than the work. The server itself measures how long it worked, so that the
size of batches does not depend on where `migrate` runs.
"""

import json
import re
import threading
import time
from dataclasses import dataclass

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F
from django.db.models.functions import Now

from schema.batches.pauses import Pauses
from schema.batches.progress import Clock
from schema.batches.ranges import Blocks, Position, Range, Ranges, literal
from schema.batches.step import Step
from schema.connection.retry import RetryPolicy
from schema.models import BatchProgress

# A crash of the server may lose the last batches, together with their positions. The message at
# the end has the log flushed while no lock is held, so that the next commit need not wait for it.
BATCH = """
BEGIN;
SET LOCAL synchronous_commit = off;
SET LOCAL lock_timeout = {lock_timeout};
DO $schema_batch$
DECLARE
    schema_batch_rows bigint;
BEGIN
    {statements}
    GET DIAGNOSTICS schema_batch_rows = ROW_COUNT;
    UPDATE schema_batch_progress
    SET position = {position}, rows_done = rows_done + schema_batch_rows,
        updated_at = clock_timestamp(), finished_at = NULL
    WHERE id = {record};
    PERFORM set_config('schema.batch_rows', schema_batch_rows::text, true);
END
$schema_batch$;
SELECT current_setting('schema.batch_rows')::bigint,
       extract(epoch FROM clock_timestamp() - statement_timestamp())::float8;
COMMIT;
SELECT pg_logical_emit_message(true, 'schema.batches.run', '')
"""


@dataclass(frozen=True)
class Part:
    """A part of a pass that one session goes through."""

    step: Step
    record: int
    number: int
    ranges: Ranges
    position: Position
    clock: Clock
    policy: RetryPolicy
    stop: threading.Event
    """Set when one of the parts fails."""
    pauses: Pauses


@dataclass(frozen=True)
class Done:
    """What one batch did."""

    rows: int
    """The number of changed rows."""
    seconds: float
    """How long the database worked on it, and held its locks."""
    idle: float
    """How long the session has waited since for the network or the disk."""


def commit(connection: BaseDatabaseWrapper, part: Part, batch: Range) -> Done:
    """Run one batch and record its position.

    Raises:
        DatabaseError: Nothing was changed.
    """
    # The repair of a row during an adoption is no list of statements.
    if connection.vendor == "postgresql" and part.step.statements:
        return _commit_in_one(connection, part, batch)
    begin = time.monotonic()
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        rows = part.step.execute(cursor, batch.condition)
        BatchProgress.objects.using(connection.alias).filter(pk=part.record).update(
            position=batch.end,
            rows_done=F("rows_done") + rows,
            updated_at=Now(),
            finished_at=None,
        )
    return Done(rows, max(time.monotonic() - begin, 1e-6), 0.0)


def _commit_in_one(connection: BaseDatabaseWrapper, part: Part, batch: Range) -> Done:
    script = BATCH.format(
        lock_timeout=literal(part.policy.lock_timeout_setting),
        statements=";\n".join(
            performed(statement.replace("{batch}", batch.condition)).strip()
            for statement in part.step.statements
        )
        + ";",
        position=_position(part, batch.end),
        record=part.record,
    )
    begin = time.monotonic()
    with connection.cursor() as cursor:
        try:
            cursor.execute(script)
        except DatabaseError:
            if connection.connection is not None and not connection.connection.closed:
                connection.connection.rollback()
            raise
        while cursor.description is None:  # BEGIN, SET and DO return no rows
            cursor.nextset()
        rows, seconds = cursor.fetchone()
    seconds = max(seconds, 1e-6)
    return Done(rows, seconds, max(time.monotonic() - begin - seconds, 0.0))


def _position(part: Part, end: Position) -> str:
    """Return the record's new position, in which only this part's entry changes."""
    value = literal(json.dumps(end)) + "::jsonb"
    if isinstance(part.ranges, Blocks):
        return f"jsonb_set(position, '{{{part.number}}}', {value})"
    return value


def performed(statement: str) -> str:
    """Return the statement in PL/pgSQL, where a query without a target is PERFORM."""
    return re.sub(r"^(\s*)SELECT\b", r"\1PERFORM", statement)
