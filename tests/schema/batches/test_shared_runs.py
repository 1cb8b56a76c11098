"""A data step that two sessions share, and what is reclaimed after it."""

import threading

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from schema.batches import ranges, run
from schema.batches.progress import Progress, listener
from schema.connection.session import migration_session
from schema.models import BatchProgress
from tests.conftest import Database
from tests.schema.batches.unthreaded import ROWS, Killed, step, value


@pytest.fixture
def many_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a table of ROWS be many windows, for two sessions to share, and a batch be short."""
    monkeypatch.setattr(ranges, "WINDOW", 4)
    monkeypatch.setattr(run, "TARGET_SECONDS", 0.0005)


@pytest.mark.engines("postgresql", "older")
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
    with migration_session(messages_without_threads.connection):
        assert run.run(messages_without_threads.connection, once) == ROWS
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


@pytest.mark.engines("postgresql")
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
            run.run(messages_without_threads.connection, shouting)
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
        assert run.run(messages_without_threads.connection, shouting) == ROWS
    finally:
        listener.reset(token)
    assert told[0].share > 0.1
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert value(messages_without_threads, sessions) == 1


@pytest.mark.engines("postgresql")
def test_one_session_does_all_where_there_is_no_second(
    messages_without_threads: Database, many_windows: None
) -> None:
    database = messages_without_threads
    name = database.connection.settings_dict["NAME"]
    database.connection.ensure_connection()
    elsewhere = make_conninfo(database.url, dbname="postgres")
    with psycopg.connect(elsewhere, autocommit=True) as operator:
        operator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    assert run.run(database.connection, step(pending="content LIKE 'm%'")) == ROWS
    shouted = "SELECT count(*) FROM chat_messages WHERE content LIKE 'M%'"
    assert value(database, shouted) == ROWS


@pytest.mark.engines("postgresql")
def test_step_goes_on_without_a_vacuum_where_another_is_at_it(
    messages_without_threads: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = messages_without_threads
    monkeypatch.setattr(run, "VACUUM_TIMEOUT", 0.05)
    vacuums = "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'chat_messages'"
    with psycopg.connect(database.url) as other:
        other.execute("LOCK TABLE chat_messages IN SHARE UPDATE EXCLUSIVE MODE")
        assert run.run(database.connection, step(pending="content LIKE 'm%'")) == ROWS
        assert value(database, vacuums) == 0
        assert value(database, "SHOW lock_timeout") == "0"
    again = step(
        statements=("UPDATE chat_messages SET content = lower(content) WHERE {batch}",),
        name="whisper",
        pending="content LIKE 'M%'",
    )
    assert run.run(database.connection, again) >= ROWS
    assert value(database, vacuums) == 1


@pytest.mark.engines("postgresql", "older")
def test_stretches_are_vacuumed_when_the_first_session_is_through(
    messages_without_threads: Database, many_windows: None
) -> None:
    database, stretches = messages_without_threads, [0, 0]
    for part in range(2):
        blocks = ranges.Blocks(database.connection, "chat_messages", part=part, parts=2)
        position: ranges.Position = None
        while (batch := blocks.after(position, 64)) is not None:
            position = batch.end
            stretches[part] += batch.vacuum_after
    assert stretches[0] > 1
    assert stretches[1] == 0
    done_at: list[tuple[float, object]] = []
    vacuums = "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'chat_messages'"

    def count(progress: Progress) -> None:
        if threading.current_thread() is threading.main_thread():
            done_at.append((progress.share, value(database, vacuums)))

    token = listener.set(count)
    try:
        run.run(database.connection, step(pending="content LIKE 'm%'"))
    finally:
        listener.reset(token)
    assert value(database, vacuums) == stretches[0] + 1
    assert any(counted == 1 for share, counted in done_at if share < 0.9)


@pytest.mark.engines("postgresql", "older")
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
