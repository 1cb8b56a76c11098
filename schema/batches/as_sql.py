"""Write a batched data step as plain SQL."""

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.batches.commit import performed
from schema.batches.ranges import MOVING, ROUNDS, WINDOW, Blocks, in_turn, literal
from schema.batches.run import MISSES, REST, TARGET_SECONDS, vacuum
from schema.batches.step import Step
from schema.connection.retry import DEFAULT

BY_BLOCK = """
DO $batches$
DECLARE
    table_end bigint;
    window_begin bigint;
    window_end bigint;
    batch_begin bigint;
    batch_end bigint;
    batch_size bigint := {first_size};
    batch_started timestamptz;
    batch_seconds double precision;
    blocked_since timestamptz;
{declared}BEGIN
    IF {not_wanted} (SELECT FROM django_migrations WHERE app = {app} AND name = {name}) THEN
        RETURN;
    END IF;
    LOOP  -- over the whole table, until no row is pending
        table_end := pg_relation_size('{table}') / current_setting('block_size')::bigint;
        window_begin := 0;
        WHILE window_begin < table_end LOOP
            window_end := least(window_begin + {window}, table_end);
            -- Old versions of one round are free space for the rows of the next.
            FOR turn IN 0 .. {rounds} - 1 LOOP
                batch_begin := window_begin;
                WHILE batch_begin < window_end LOOP
                    batch_started := clock_timestamp();
                    batch_end := batch_begin
                        + CASE turn WHEN 0 THEN 1 + batch_size / {moving} ELSE batch_size END;
                    batch_end := least(batch_end, window_end);
                    BEGIN
                        SET LOCAL lock_timeout = {lock_timeout};
{statements}
                        batch_size := CASE turn WHEN 0 THEN {moving} ELSE 1 END
                            * (batch_end - batch_begin);
                        batch_begin := batch_end;
                        blocked_since := NULL;
                    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                        -- Another session holds one of its rows: use a smaller batch.
                        batch_size := batch_size / 2;
                        blocked_since := coalesce(blocked_since, clock_timestamp());
                        IF clock_timestamp() > blocked_since + interval '{patience}' THEN
                            RAISE;
                        END IF;
                    END;
                    COMMIT;
                    batch_seconds := extract(epoch FROM clock_timestamp() - batch_started);
                    batch_size := batch_size * least(greatest({target} / batch_seconds, 0.5), 2.0);
                    batch_size := greatest(batch_size, 1);
                    PERFORM pg_sleep(batch_seconds * {rest});
                END LOOP;
            END LOOP;
            window_begin := window_end;
        END LOOP;
{finished}    END LOOP;
END
$batches$
"""

FINISHED = "        EXIT;\n"
# Others may move a row behind a pass; a trigger that skips or undoes the change would make the
# loop endless.
UNTIL_NONE_PENDING = """\
        SELECT count(*) INTO now_pending FROM {table} WHERE {pending};
        EXIT WHEN now_pending = 0;
        fruitless := CASE WHEN now_pending < still_pending THEN 0 ELSE fruitless + 1 END;
        IF fruitless = {misses} THEN
            RAISE EXCEPTION '% rows of {name} are left as they were by {misses} passes', now_pending
                USING HINT = 'A trigger or a rule of the table skips or undoes the change: disable'
                    ' it, run this file again, then enable it.';
        END IF;
        still_pending := now_pending;
"""
COUNTERS = """\
    now_pending bigint;
    still_pending bigint;
    fruitless integer := 0;
"""

BY_KEY = """
DO $batches$
DECLARE
    batch_begin {table}.{key}%TYPE;
    batch_end {table}.{key}%TYPE;
    batch_size bigint := 200;
    batch_started timestamptz;
    batch_seconds double precision;
    blocked_since timestamptz;
{declared}BEGIN
    IF {not_wanted} (SELECT FROM django_migrations WHERE app = {app} AND name = {name}) THEN
        RETURN;
    END IF;
    LOOP
        batch_started := clock_timestamp();
        SELECT max_key INTO batch_end FROM (
            SELECT {key} AS max_key FROM {table} WHERE batch_begin IS NULL OR {key} > batch_begin
            ORDER BY {key} LIMIT batch_size
        ) AS range ORDER BY max_key DESC LIMIT 1;
        EXIT WHEN batch_end IS NULL;
        BEGIN
            SET LOCAL lock_timeout = {lock_timeout};
{statements}
            batch_begin := batch_end;
            blocked_since := NULL;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            -- Another session holds one of its rows: use a smaller batch.
            batch_size := greatest(batch_size / 2, 1);
            blocked_since := coalesce(blocked_since, clock_timestamp());
            IF clock_timestamp() > blocked_since + interval '{patience}' THEN
                RAISE;
            END IF;
        END;
        COMMIT;
        batch_seconds := extract(epoch FROM clock_timestamp() - batch_started);
        batch_size := batch_size * least(greatest({target} / batch_seconds, 0.5), 2.0);
        batch_size := greatest(batch_size, 1);
        PERFORM pg_sleep(batch_seconds * {rest});
    END LOOP;
END
$batches$
"""


def batches_as_sql(
    connection: BaseDatabaseWrapper, step: Step, opposite: Step, *, backwards: bool
) -> list[str]:
    """Return statements that run `step` as `batches.run` does, and delete the opposite progress.

    They begin at the start of the table every time; rows that are done cost little then.
    """
    app, name = literal(step.app), literal(step.migration)
    forget = (
        f"DELETE FROM schema_batch_progress WHERE app = {app} AND name = {name}"  # noqa: S608 - quoted
        f" AND step = {literal(opposite.name)}"
    )
    if not step.statements:
        return [forget]
    if connection.vendor != "postgresql":
        return [*(statement.replace("{batch}", "TRUE") for statement in step.statements), forget]
    table = connection.ops.quote_name(step.table)
    if step.key is None:
        template, key = BY_BLOCK, ""
        condition = (
            f"{table}.ctid >= format('(%s,0)', batch_begin)::tid"
            f" AND {table}.ctid < format('(%s,0)', batch_end)::tid"
            f" AND {in_turn(f'{table}.ctid', 'turn')}"
        )
    else:
        template, key = BY_KEY, connection.ops.quote_name(step.key)
        condition = (
            f"(batch_begin IS NULL OR {table}.{key} > batch_begin) AND {table}.{key} <= batch_end"
        )
    return [
        template.format(
            not_wanted="NOT EXISTS" if backwards else "EXISTS",
            app=app,
            name=name,
            table=table,
            key=key,
            first_size=Blocks.first_size,
            window=WINDOW,
            rounds=ROUNDS,
            moving=MOVING,
            lock_timeout=literal(DEFAULT.lock_timeout_setting),
            target=TARGET_SECONDS,
            rest=REST,
            statements="\n".join(
                performed(statement.replace("{batch}", condition)).strip("\n") + ";"
                for statement in step.statements
            ),
            patience=f"{DEFAULT.patience:.0f} s",
            declared="" if step.pending is None or step.key is not None else COUNTERS,
            finished=FINISHED
            if step.pending is None
            else UNTIL_NONE_PENDING.format(
                table=table, pending=step.pending, misses=MISSES, name=step.table
            ),
        ),
        *([vacuum(connection, step)] if step.leaves_dead_rows(connection) else []),
        forget,
    ]
