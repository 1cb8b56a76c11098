"""Data steps in batches: cut off, gone on with, and in the way of others."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from schema.batches import run
from schema.batches.progress import Clock, Progress, listener
from schema.connection.retry import GaveUpError, RetryPolicy, retry_policy
from schema.connection.session import session_settings
from schema.models import BatchProgress
from schema.operations import BatchedSQL
from tests.conftest import Database
from tests.schema.batches.unthreaded import ROWS, Killed, counts_are_right, step, value


def test_backfill_leaves_no_message_and_counts_each(
    messages_without_threads: Database, heard: list[Progress]
) -> None:
    call_command("migrate", "chat", "0004", database=messages_without_threads.alias, verbosity=0)
    assert value(messages_without_threads, "SELECT count(*) FROM threads") == 3
    assert value(messages_without_threads, "SELECT sum(message_count) FROM threads") == ROWS
    assert counts_are_right(messages_without_threads)
    (end,) = [one for one in heard if one.finished and "into General" in one.step]
    assert (end.share, end.rows) == (1.0, ROWS)


def test_backfill_goes_on_where_it_was_cut_off(messages_without_threads: Database) -> None:
    alias = messages_without_threads.alias

    def kill_half_way(progress: Progress) -> None:
        if "into General" in progress.step and progress.share > 0.5:
            raise Killed

    token = listener.set(kill_half_way)
    try:
        with pytest.raises(Killed):
            call_command("migrate", "chat", "0004", database=alias, verbosity=0)
    finally:
        listener.reset(token)
    half = BatchProgress.objects.using(alias).get(step="messages into General")
    done = value(
        messages_without_threads,
        "SELECT count(*) FROM chat_messages WHERE thread_id IS NOT NULL",
    )
    assert half.rows_done == done
    assert 0 < half.rows_done < ROWS

    told: list[Progress] = []
    token = listener.set(told.append)
    try:
        call_command("migrate", "chat", "0004", database=alias, verbosity=0)
    finally:
        listener.reset(token)
    first = next(one for one in told if "into General" in one.step)
    assert first.rows > half.rows_done
    half.refresh_from_db()
    assert (half.rows_done, half.finished_at is None) == (ROWS, False)
    assert counts_are_right(messages_without_threads)


def test_backfill_begins_anew_after_the_way_back(messages_without_threads: Database) -> None:
    alias = messages_without_threads.alias
    for target in ("0004", "0001", "0004"):
        call_command("migrate", "chat", target, database=alias, verbosity=0, accept_data_loss=True)
    assert value(messages_without_threads, "SELECT sum(message_count) FROM threads") == ROWS
    assert counts_are_right(messages_without_threads)


@pytest.mark.parametrize(
    ("key", "pending"),
    [("id", None), (None, "content NOT LIKE '%!'")],
    ids=["by key", "as it lies"],
)
def test_every_row_is_in_one_batch(
    messages_without_threads: Database, key: str | None, pending: str | None
) -> None:
    exclaim = "UPDATE chat_messages SET content = content || '!' WHERE {batch} AND "
    once = step(statements=(exclaim + (pending or "TRUE"),), key=key, pending=pending)
    assert run.run(messages_without_threads.connection, once) == ROWS
    exclaimed = "SELECT count(*) FROM chat_messages WHERE content LIKE "
    assert value(messages_without_threads, exclaimed + "'%!'") == ROWS
    assert value(messages_without_threads, exclaimed + "'%!!'") == 0


def test_step_over_the_table_as_it_lies_has_to_know_what_is_pending() -> None:
    with pytest.raises(ValueError, match="key or pending"):
        BatchedSQL("chat.migrations.0099_test", "shout", "chat_messages", {}, {})


@pytest.mark.engines("postgresql")
def test_batch_gives_way_to_whoever_holds_a_row(messages_without_threads: Database) -> None:
    with psycopg.connect(messages_without_threads.url) as holder:
        holder.execute("UPDATE chat_messages SET content = 'mine' WHERE content = 'message 2500'")
        timer = threading.Timer(0.3, holder.commit)
        timer.start()
        shouting = step(pending="content LIKE 'm%'")
        assert run.run(messages_without_threads.connection, shouting) == ROWS
        timer.join()
    theirs = "SELECT count(*) FROM chat_messages WHERE content = 'MINE'"
    assert value(messages_without_threads, theirs) == 1


@pytest.fixture
def impatient() -> Iterator[None]:
    token = retry_policy.set(RetryPolicy(patience=0.1))
    yield
    retry_policy.reset(token)


@pytest.mark.engines("postgresql")
def test_batch_that_never_gets_its_row_gives_up(
    messages_without_threads: Database, impatient: None
) -> None:
    with psycopg.connect(messages_without_threads.url) as holder:
        holder.execute("SELECT FROM chat_messages WHERE content = 'message 4999' FOR UPDATE")
        with pytest.raises(GaveUpError, match="lock timeout"):
            run.run(messages_without_threads.connection, step(pending="content LIKE 'm%'"))
    record = BatchProgress.objects.using(messages_without_threads.alias).get(step="shout")
    done = "SELECT count(*) FROM chat_messages WHERE content LIKE 'M%'"
    assert record.rows_done == value(messages_without_threads, done)
    assert record.finished_at is None


@pytest.mark.engines("postgresql")
def test_step_restores_the_lock_timeout_that_was_set_before(
    messages_without_threads: Database,
) -> None:
    with session_settings(messages_without_threads.connection, {"lock_timeout": "70ms"}):
        run.run(messages_without_threads.connection, step(pending="content LIKE 'm%'"))
        assert value(messages_without_threads, "SHOW lock_timeout") == "70ms"
    assert value(messages_without_threads, "SHOW lock_timeout") == "0"


LOG_LOCK_TIMEOUTS = """
    CREATE TABLE timeouts (tag text, lock_timeout text);
    CREATE FUNCTION log_timeout() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.timeouts SELECT tg_tag, current_setting('lock_timeout')
        WHERE current_schema() = 'public';  -- not in the scratch schema
    END $$;
    CREATE EVENT TRIGGER log_timeout ON ddl_command_start
        WHEN TAG IN ('ALTER TABLE', 'CREATE TRIGGER', 'CREATE TABLE')
        EXECUTE FUNCTION log_timeout()
"""


@pytest.mark.engines("postgresql")
def test_every_statement_of_a_run_has_the_lock_timeout(messages_without_threads: Database) -> None:
    with psycopg.connect(messages_without_threads.url) as owner:
        owner.execute(LOG_LOCK_TIMEOUTS)
    call_command(
        "migrate",
        "chat",
        "0004",
        database=messages_without_threads.alias,
        verbosity=0,
        table_lock_timeout=40,
    )
    limits = "SELECT DISTINCT lock_timeout FROM timeouts WHERE tag = 'ALTER TABLE'"
    with messages_without_threads.connection.cursor() as cursor:
        cursor.execute(limits)
        assert cursor.fetchall() == [("40ms",)]


def test_progress_of_a_second_pass_begins_anew(heard: list[Progress]) -> None:
    clock = Clock("chat.0003 messages", 0)
    for begins in (clock.pass_begins, clock.pass_begins):
        begins()
        clock.moved(0.4, 1, part=0)
        clock.moved(0.5, 1, part=1)
    assert [round(one.share, 1) for one in heard] == [0.4, 0.9, 0.4, 0.9]


def test_progress_says_how_long_it_takes() -> None:
    half = Progress("chat.0003 messages", 0.5, 5000, 2500.0, 83.0)
    assert str(half) == "chat.0003 messages:  50%, 5,000 rows, 2,500/s, 1:23 left"


# A shell's background jobs, and what they start, do not take Ctrl-C by themselves.
SLOWLY = """
import os
import signal
import django
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()
from schema.batches import ranges, run
run.REST, run.TARGET_SECONDS, ranges.WINDOW = 200, 0.001, 4
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "migrate", "chat", "0004"])
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_process_is_gone_on_with(messages_without_threads: Database, how: int) -> None:
    database = messages_without_threads
    environment = os.environ | {"DATABASE_URL": database.url}
    process = subprocess.Popen(
        [sys.executable, "-c", SLOWLY],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    records = BatchProgress.objects.using(database.alias).filter(step="messages into General")
    while not records.filter(rows_done__gt=0).exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(how)
    assert process.wait() != 0
    before = records.get()
    assert before.finished_at is None
    done = value(database, "SELECT count(*) FROM chat_messages WHERE thread_id IS NOT NULL")
    assert before.rows_done == done
    assert before.rows_done < ROWS

    rerun = subprocess.run(
        [sys.executable, "manage.py", "migrate", "chat", "0004"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"resumes after {before.rows_done:,} rows" in rerun.stderr
    assert records.get().rows_done == ROWS
    assert counts_are_right(database)


@pytest.mark.engines("postgresql")
def test_batch_is_one_round_trip(messages_without_threads: Database) -> None:
    sent: list[str] = []

    def listen(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        sent.append(sql)
        return execute(sql, *rest)

    connection = messages_without_threads.connection
    with connection.execute_wrapper(listen):
        assert run.run(connection, step(pending="content LIKE 'm%'")) == ROWS
    batches = [sql for sql in sent if "schema_batch_rows" in sql]
    assert batches
    assert len(sent) - len(batches) <= 20
