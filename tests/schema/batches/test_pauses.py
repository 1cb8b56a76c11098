"""A data step pauses while a replica is behind, or while an operator asks for it."""

import os
import signal
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command

from schema.batches import pauses, run
from schema.batches.pauses import PausePolicy, pause_policy
from tests import postgres
from tests.conftest import Database
from tests.engine import url
from tests.schema.batches.unthreaded import ROWS, step, value
from tests.waiting import wait_for

BACK = "UPDATE chat_messages SET content = lower(content) WHERE {batch} AND content LIKE 'M%'"


def pauses_of(database: Database, on_pause: Callable[[str], None], *, back: bool = False) -> None:
    """Run a step over every message; call `on_pause` with the reason for each pause."""

    def hear(text: str) -> None:
        if text.startswith("pauses: "):
            on_pause(text)

    changes: dict[str, object] = {"pending": "substr(content, 1, 1) = 'm'"}
    if back:
        changes = {
            "pending": "substr(content, 1, 1) = 'M'",
            "name": "whisper",
            "statements": (BACK,),
        }
    token = pause_policy.set(PausePolicy(max_lag=0, on_pause=hear))
    try:
        assert run.run(database.connection, step(**changes)) == ROWS
    finally:
        pause_policy.reset(token)


def test_step_pauses_while_an_operator_asks_for_it(messages_without_threads: Database) -> None:
    database, reasons = messages_without_threads, list[str]()

    def resume(reason: str) -> None:
        reasons.append(reason)
        call_command("migrate", resume=True, database=database.alias, stdout=StringIO())

    call_command("migrate", pause=True, database=database.alias, stdout=StringIO())
    pauses_of(database, resume)
    assert [reason.split(" asked ")[1] for reason in reasons] == [
        "for it; `migrate --resume` lets it go on"
    ]
    assert value(database, "SELECT count(*) FROM schema_pause") == 0


@pytest.mark.engines("postgresql")
def test_step_waits_for_a_replica_and_not_for_one_that_died(
    messages_without_threads: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replaying is stopped on the replica; it begins again, and is stopped and killed."""
    database, reasons = messages_without_threads, list[str]()
    monkeypatch.setattr(pauses, "LOOK_EVERY", 0)
    with postgres.replica(url) as away, psycopg.connect(away, autocommit=True) as replica:

        def replay_again(reason: str) -> None:
            reasons.append(reason)
            replica.execute("SELECT pg_wal_replay_resume()")

        def stop_replaying() -> None:
            replica.execute("SELECT pg_wal_replay_pause()")
            database.connection.cursor().execute("SELECT txid_current()")  # it stops at a record
            query = "SELECT pg_get_wal_replay_pause_state()"
            wait_for(lambda: replica.execute(query).fetchone() == ("paused",))

        connected = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn IS NOT NULL"
        wait_for(lambda: value(database, connected))
        stop_replaying()
        pauses_of(database, replay_again)
        folder = replica.execute("SHOW data_directory").fetchone()
        postmaster = int(Path(str(folder and folder[0]), "postmaster.pid").read_text().split()[0])

        def kill(reason: str) -> None:
            reasons.append(f"{reason}; killed")
            os.kill(postmaster, signal.SIGQUIT)

        stop_replaying()
        pauses_of(database, kill, back=True)
    # A replica that replays again may fall behind by a moment once more.
    assert {reason.split(" is ")[0] for reason in reasons} == {"pauses: the replica walreceiver"}
    assert [reason.endswith("; killed") for reason in reasons].count(True) == 1


@pytest.mark.engines("postgresql")
def test_publication_without_replica_identity_is_found_beforehand(
    messages_without_threads: Database,
) -> None:
    database = messages_without_threads
    with psycopg.connect(database.url, autocommit=True) as administrator:
        administrator.execute("ALTER TABLE chat_messages REPLICA IDENTITY NOTHING")
        administrator.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    with pytest.raises(CommandError) as error:
        call_command("migrate", database=database.alias, verbosity=0)
    assert str(error.value).splitlines() == [
        "A problem stands in the way; nothing was changed:",
        "  1. chat_messages is in the publication everything and has no replica identity: the"
        " server would refuse to update its rows.",
        '      ALTER TABLE "chat_messages" REPLICA IDENTITY DEFAULT; or take it out of the'
        " publication.",
    ]
