"""Run a long data step in short transactions, and resume an interrupted one."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Coalesce, Now

from schema.batches.commit import Part, commit
from schema.batches.pauses import Pauses, pause_policy
from schema.batches.progress import Clock
from schema.batches.ranges import Position
from schema.batches.step import SESSIONS, Row, Step
from schema.connection.blockers import watched
from schema.connection.errors import waited_for_a_lock
from schema.connection.retry import Retries, RetryPolicy, milliseconds, retry_policy
from schema.connection.session import migration_session, session_settings
from schema.models import BatchProgress, MigrationPause

logger = logging.getLogger(__name__)

TARGET_SECONDS = 0.03
"""The target duration of a batch: no session waits longer for one of its rows."""
FLOOR = 16
"""The share of a first batch that no later one is smaller than, unless it meets a lock."""
REST = 0.1
"""The pause after a batch, as a share of its time: for replicas, vacuum and other work."""
REPORTED_ATTEMPT = 5
"""The first failed attempt at a batch to be reported: live traffic causes many short conflicts."""
VACUUM_TIMEOUT = 10.0
"""Seconds for which a VACUUM may wait. It blocks neither readers nor writers meanwhile, and an
autovacuum that blocks it is cancelled after deadlock_timeout."""
MISSES = 2
"""After how many whole passes that left a row as it was the step gives up."""


class NoProgressError(Exception):
    """Whole passes leave a row as it was."""


def run(connection: BaseDatabaseWrapper, step: Step) -> int:
    """Run `step` and return the number of changed rows, those of earlier runs included.

    Within a transaction it is one batch. Otherwise each batch and its position are committed
    together; where a run was cut off, the next one goes on.

    Raises:
        DatabaseError: a batch failed, or could not get its locks while patience lasted.
        NoProgressError: something skips or undoes the change of some rows.
    """
    if connection.in_atomic_block:
        with connection.cursor() as cursor:
            return step.execute(cursor, "TRUE")
    records = BatchProgress.objects.using(connection.alias)
    record, _ = records.get_or_create(app=step.app, name=step.migration, step=step.name)
    if step.is_done(connection, record):
        records.filter(pk=record.pk).update(finished_at=Coalesce("finished_at", Now()))
        return record.rows_done
    if record.rows_done:
        logger.info("%s resumes after %s rows", step, f"{record.rows_done:,}")
    clock = Clock(str(step), record.rows_done)
    position: Position | list[Position] = record.position
    row, missed = step.pending_row(connection), 0
    while True:
        _pass(connection, step, record.pk, position, clock)
        if step.leaves_dead_rows(connection):
            _vacuum(connection, step)
        if not step.is_pending(connection):
            break
        if row is not None and step.pending_row(connection, row):
            # Others may move a row behind the pass once, and a pass may begin in the middle.
            missed += position is None
            if missed == MISSES:
                raise _no_progress(connection, step, row)
        elif not step.repeats:
            break
        else:
            row, missed = step.pending_row(connection), 0
        position = None
    records.filter(pk=record.pk).update(finished_at=Now(), updated_at=Now())
    clock.done()
    return clock.rows


def _no_progress(connection: BaseDatabaseWrapper, step: Step, row: Row) -> NoProgressError:
    key = ", ".join(f"{name} {value}" for name, value in row.items())
    return NoProgressError(
        f"{step}: {MISSES} passes over {step.table} left a row as it was: {key}. Rows that still"
        f" need the step: {step.count_pending(connection):,}. A trigger or a rule of the table"
        " skips or undoes the change: disable it, run migrate again, then enable it."
    )


def vacuum(connection: BaseDatabaseWrapper, step: Step) -> str:
    """Return the statement that reclaims the old versions of rows without an exclusive lock.

    What comes after such a step reads the table, which takes several times as long where no
    page is known to be without old versions.
    """
    return f"VACUUM (TRUNCATE false) {connection.ops.quote_name(step.table)}"


def _vacuum(connection: BaseDatabaseWrapper, step: Step) -> None:
    """Reclaim the old versions, unless another vacuum holds the table for long.

    The autovacuum that the batches woke up is cancelled after deadlock_timeout.
    """
    limit = {"lock_timeout": milliseconds(VACUUM_TIMEOUT)}
    try:
        with session_settings(connection, limit), connection.cursor() as cursor:
            cursor.execute(vacuum(connection, step))
    except DatabaseError as error:
        if not waited_for_a_lock(error):
            raise
        logger.debug("%s continues without a vacuum: %s", step, error)


def forget(connection: BaseDatabaseWrapper, step: Step) -> None:
    """Delete the progress of `step`, which is being undone."""
    records = BatchProgress.objects.using(connection.alias)
    records.filter(app=step.app, name=step.migration, step=step.name).delete()


def _pass(
    connection: BaseDatabaseWrapper,
    step: Step,
    record: int,
    position: Position | list[Position],
    clock: Clock,
) -> None:
    """Process the table once, from `position`, or each part from its own."""
    clock.pass_begins()
    cut, policy, stop = step.ranges(connection), _batch_policy(), threading.Event()
    known = position if isinstance(position, list) else [position]
    positions = known if len(known) == len(cut) else [None] * len(cut)
    if len(cut) > 1:
        BatchProgress.objects.using(connection.alias).filter(pk=record).update(position=positions)
    tables = connection.introspection.table_names()
    pauses = Pauses(pause_policy.get(), stop, MigrationPause._meta.db_table in tables)
    parts = [
        Part(step, record, number, ranges, positions[number], clock, policy, stop, pauses)
        for number, ranges in enumerate(cut)
    ]
    first, *others = parts
    others = [part for part in others if part.ranges.after(part.position, 1)]
    with ThreadPoolExecutor(SESSIONS) as pool:
        try:
            left = [(part, pool.submit(_run_in_own_session, connection, part)) for part in others]
            _run_part(connection, first)
            alone = [part for part, done in left if not done.result()]
        except BaseException:
            stop.set()
            raise
    for part in alone:
        _run_part(connection, part)


def _batch_policy() -> RetryPolicy:
    """Return the run's policy with shorter pauses and without reports of brief conflicts."""
    policy = retry_policy.get()

    def on_conflict(attempt: int, pause: float) -> None:
        if attempt >= REPORTED_ATTEMPT:
            policy.on_conflict(attempt, pause)

    return replace(policy, first_pause=0.05, longest_pause=2.0, on_conflict=on_conflict)


def _run_in_own_session(connection: BaseDatabaseWrapper, part: Part) -> bool:
    """Run `part` in a session and a thread of its own; return False if no session was available."""
    apart = connections[connection.alias] = connection.copy()
    try:
        apart.ensure_connection()
    except DatabaseError as error:
        # The server or the role may have no connection left.
        logger.debug("%s continues in one session: %s", part.step, error)
        return False
    try:
        watched.add(apart.connection.info.backend_pid)
        with migration_session(apart):
            _run_part(apart, part)
    except BaseException:
        part.stop.set()
        raise
    finally:
        apart.close()
    return True


def _run_part(connection: BaseDatabaseWrapper, part: Part) -> None:
    """Run `part` from its position until its end, or until another part fails."""
    step, position, size = part.step, part.position, part.ranges.first_size
    retries = Retries(part.policy)
    while not part.stop.is_set() and (batch := part.ranges.after(position, size)) is not None:
        try:
            done = commit(connection, part, batch)
        except DatabaseError as error:
            pause = retries.pause_after(error)
            logger.debug("%s waits %.2f s: %s", step, pause, error)
            part.stop.wait(pause)
            size = max(batch.size // 2, 1)
            continue
        end = time.monotonic()
        position, retries = batch.end, Retries(part.policy)
        part.clock.moved(batch.share, done.rows, part.number)
        wanted = round(batch.size * min(max(TARGET_SECONDS / done.seconds, 0.5), 2.0))
        size = max(wanted, part.ranges.first_size // FLOOR)
        part.stop.wait(max(0.0, done.seconds * REST - done.idle - (time.monotonic() - end)))
        part.pauses.wait(connection)
        if batch.vacuum_after:
            _vacuum(connection, step)
