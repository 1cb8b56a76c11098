"""Data steps in batches: cut off, gone on with, and in the way of others."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError
from psycopg.conninfo import make_conninfo

from schema import batches, ranges
from schema.models import BatchProgress
from schema.operations import BatchedSQL
from schema.progress import Clock, Progress, listener
from schema.sessions import for_migrating
from tests.conftest import Database

ROWS = 5000
BEFORE_THREADS = [("chat", "0001"), ("personas", "0002")]


@pytest.fixture
def messages_without_threads(empty_database: Database) -> Database:
    """A database from before the threads: three people and ROWS messages."""
    alias = empty_database.alias
    for app, target in BEFORE_THREADS:
        call_command("migrate", app, target, database=alias, verbosity=0)
    with empty_database.connection.cursor() as cursor:
        people = [uuid.uuid4().hex for _ in range(3)]
        cursor.executemany(
            "INSERT INTO users (id, email, password_hash) VALUES (%s, %s, '')",
            [(person, f"{person}@example.com") for person in people],
        )
        cursor.executemany(
            "INSERT INTO chat_messages (user_id, role, content) VALUES (%s, 'user', %s)",
            [(people[n % 3], f"message {n}") for n in range(ROWS)],
        )
    return empty_database


@pytest.fixture
def heard() -> Iterator[list[Progress]]:
    """What the listener is told."""
    told: list[Progress] = []
    token = listener.set(told.append)
    yield told
    listener.reset(token)


def value(database: Database, query: str) -> object:
    with database.connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def counts_are_right(database: Database) -> bool:
    return not value(
        database,
        "SELECT count(*) FROM threads WHERE message_count <>"
        " (SELECT count(*) FROM chat_messages WHERE thread_id = threads.id)"
        " OR last_message_at <>"
        " (SELECT max(created_at) FROM chat_messages WHERE thread_id = threads.id)",
    )


@pytest.mark.every_server
def test_backfill_leaves_no_message_and_counts_each(
    messages_without_threads: Database, heard: list[Progress]
) -> None:
    call_command("migrate", "chat", "0004", database=messages_without_threads.alias, verbosity=0)
    assert value(messages_without_threads, "SELECT count(*) FROM threads") == 3
    assert value(messages_without_threads, "SELECT sum(message_count) FROM threads") == ROWS
    assert counts_are_right(messages_without_threads)
    (end,) = [one for one in heard if one.finished and "into General" in one.step]
    assert (end.share, end.rows) == (1.0, ROWS)


class Killed(BaseException):
    """Stands for the end of the process between two batches."""


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


def step(**changes: object) -> batches.Step:
    facts: dict[str, object] = {
        "app": "chat",
        "migration": "0099_test",
        "name": "shout",
        "table": "chat_messages",
        "statements": (
            "UPDATE chat_messages SET content = upper(content) WHERE {batch} AND content LIKE 'm%'",
        ),
    }
    return batches.Step(**(facts | changes))  # type: ignore[arg-type]  # the tests' own facts


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
    assert batches.run(messages_without_threads.connection, once) == ROWS
    exclaimed = "SELECT count(*) FROM chat_messages WHERE content LIKE "
    assert value(messages_without_threads, exclaimed + "'%!'") == ROWS
    assert value(messages_without_threads, exclaimed + "'%!!'") == 0


@pytest.fixture
def many_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a table of ROWS be many windows, for two sessions to share, and a batch be short."""
    monkeypatch.setattr(ranges, "WINDOW", 4)
    monkeypatch.setattr(batches, "TARGET_SECONDS", 0.0005)


@pytest.mark.every_server
@pytest.mark.postgresql
def test_two_sessions_share_the_table(
    messages_without_threads: Database, heard: list[Progress], many_windows: None
) -> None:
    writers = "CREATE TABLE writers AS SELECT 0 AS pid, '' AS written_back WHERE false"
    with messages_without_threads.connection.cursor() as cursor:
        cursor.execute(writers)
    who = "pg_backend_pid(), current_setting('backend_flush_after')"
    note = f"INSERT INTO writers SELECT DISTINCT {who} FROM chat_messages WHERE {{batch}}"
    exclaim = (
        "UPDATE chat_messages SET content = content || '!' WHERE {batch} AND content NOT LIKE '%!'"
    )
    once = step(statements=(note, exclaim), pending="content NOT LIKE '%!'")
    with for_migrating(messages_without_threads.connection):
        assert batches.run(messages_without_threads.connection, once) == ROWS
    exclaimed = "SELECT count(*) FROM chat_messages WHERE content LIKE "
    assert value(messages_without_threads, exclaimed + "'%!'") == ROWS
    assert value(messages_without_threads, exclaimed + "'%!!'") == 0
    assert value(messages_without_threads, "SELECT count(DISTINCT pid) FROM writers") == 2
    written_back = "SELECT string_agg(DISTINCT written_back, ', ') FROM writers"
    assert value(messages_without_threads, written_back) == "2MB"
    assert [one.share for one in heard] == sorted(one.share for one in heard)
    assert heard[-2].share == pytest.approx(1)
    record = BatchProgress.objects.using(messages_without_threads.alias).get(step="shout")
    assert record.rows_done == ROWS


@pytest.mark.postgresql
def test_two_sessions_go_on_where_they_were_cut_off(
    messages_without_threads: Database, many_windows: None
) -> None:
    shouting = step(pending="content LIKE 'm%'")
    threads: set[int] = set()

    def kill_the_second(progress: Progress) -> None:
        threads.add(threading.get_ident())
        if progress.share > 0.4 and threading.current_thread() is not threading.main_thread():
            raise Killed

    token = listener.set(kill_the_second)
    try:
        with pytest.raises(Killed):
            batches.run(messages_without_threads.connection, shouting)
    finally:
        listener.reset(token)
    assert len(threads) == 2
    record = BatchProgress.objects.using(messages_without_threads.alias).get(step="shout")
    shouted = "SELECT count(*) FROM chat_messages WHERE content LIKE 'M%'"
    assert record.rows_done == value(messages_without_threads, shouted)
    assert 0 < record.rows_done < ROWS
    told: list[Progress] = []
    token = listener.set(told.append)
    try:
        assert batches.run(messages_without_threads.connection, shouting) == ROWS
    finally:
        listener.reset(token)
    assert told[0].share > 0.1
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert value(messages_without_threads, sessions) == 1


@pytest.mark.postgresql
def test_one_session_does_all_where_there_is_no_second(
    messages_without_threads: Database, many_windows: None
) -> None:
    database = messages_without_threads
    name = database.connection.settings_dict["NAME"]
    elsewhere = make_conninfo(database.url, dbname="postgres")
    with psycopg.connect(elsewhere, autocommit=True) as operator:
        operator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    assert batches.run(database.connection, step(pending="content LIKE 'm%'")) == ROWS
    shouted = "SELECT count(*) FROM chat_messages WHERE content LIKE 'M%'"
    assert value(database, shouted) == ROWS


@pytest.mark.postgresql
def test_step_goes_on_without_a_vacuum_where_another_is_at_it(
    messages_without_threads: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = messages_without_threads
    monkeypatch.setattr(batches, "VACUUM_TIMEOUT_MS", 50)
    clean = "SELECT relallvisible FROM pg_class WHERE oid = 'chat_messages'::regclass"
    with database.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE chat_messages SET (autovacuum_enabled = false)")
    with psycopg.connect(database.url) as other:
        other.execute("LOCK TABLE chat_messages IN SHARE UPDATE EXCLUSIVE MODE")
        assert batches.run(database.connection, step(pending="content LIKE 'm%'")) == ROWS
        assert value(database, clean) == 0
        assert value(database, "SHOW lock_timeout") == "0"
    again = step(
        statements=("UPDATE chat_messages SET content = lower(content) WHERE {batch}",),
        name="whisper",
        pending="content LIKE 'M%'",
    )
    assert batches.run(database.connection, again) >= ROWS
    assert value(database, clean) > 0  # type: ignore[operator]  # a number of pages


@pytest.mark.postgresql
@pytest.mark.every_server
def test_rows_take_turns_within_each_block(messages_without_threads: Database) -> None:
    """No round may need more room in a block than the one before left there."""
    turns = [ranges.in_turn("chat_messages.ctid", str(turn)) for turn in range(ranges.ROUNDS)]
    with messages_without_threads.connection.cursor() as cursor:
        cursor.execute(
            "SELECT "
            + ", ".join(f"count(*) FILTER (WHERE {turn})" for turn in turns)
            + ", count(*) FROM chat_messages GROUP BY (ctid::text::point)[0]"
        )
        blocks = [row for row in cursor.fetchall() if row[-1] > ranges.ROUNDS]
    assert blocks
    for *rows, every in blocks:
        assert sum(rows) == every
        assert rows == sorted(rows, reverse=True)
        assert rows[0] - rows[-1] <= 1


def test_step_over_the_table_as_it_lies_has_to_know_what_is_pending() -> None:
    with pytest.raises(ValueError, match="key or pending"):
        BatchedSQL("chat.migrations.0099_test", "shout", "chat_messages", {}, {})


@pytest.mark.postgresql
def test_batch_gives_way_to_whoever_holds_a_row(messages_without_threads: Database) -> None:
    with psycopg.connect(messages_without_threads.url) as holder:
        holder.execute("UPDATE chat_messages SET content = 'mine' WHERE content = 'message 2500'")
        timer = threading.Timer(0.3, holder.commit)
        timer.start()
        shouting = step(pending="content LIKE 'm%'")
        assert batches.run(messages_without_threads.connection, shouting) == ROWS
        timer.join()
    theirs = "SELECT count(*) FROM chat_messages WHERE content = 'MINE'"
    assert value(messages_without_threads, theirs) == 1


@pytest.mark.postgresql
def test_batch_that_never_gets_its_row_gives_up(
    messages_without_threads: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PATIENCE_SECONDS", 0.1)
    with psycopg.connect(messages_without_threads.url) as holder:
        holder.execute("SELECT FROM chat_messages WHERE content = 'message 4999' FOR UPDATE")
        with pytest.raises(DatabaseError, match="lock timeout"):
            batches.run(messages_without_threads.connection, step(pending="content LIKE 'm%'"))
    record = BatchProgress.objects.using(messages_without_threads.alias).get(step="shout")
    done = "SELECT count(*) FROM chat_messages WHERE content LIKE 'M%'"
    assert record.rows_done == value(messages_without_threads, done)
    assert record.finished_at is None


def test_progress_of_a_second_pass_begins_anew(heard: list[Progress]) -> None:
    clock = Clock("chat.0003 messages", 0)
    for begins in (clock.pass_begins, clock.pass_begins):
        begins()
        clock.moved(0.4, 1, lane=0)
        clock.moved(0.5, 1, lane=1)
    assert [round(one.share, 1) for one in heard] == [0.4, 0.9, 0.4, 0.9]


def test_progress_says_how_long_it_takes() -> None:
    half = Progress("chat.0003 messages", 0.5, 5000, 2500.0, 83.0)
    assert str(half) == "chat.0003 messages:  50%, 5,000 rows, 2,500/s, 1:23 left"


SLOWLY = """
import os
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()
from schema import batches, ranges
batches.REST, batches.TARGET_SECONDS, ranges.WINDOW = 200, 0.001, 4
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
    assert f"goes on after {before.rows_done:,} rows" in rerun.stderr
    assert records.get().rows_done == ROWS
    assert counts_are_right(database)
