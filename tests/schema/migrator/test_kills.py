"""A sample of `python -m tests.faults.kills`: killed at a statement, run again, the same end."""

import threading

import psycopg
import pytest
from django.core.management import CommandError, call_command

from tests.conftest import Database
from tests.faults import kills
from tests.schema.conftest import Migrated


@pytest.fixture
def before_index(migrated: Migrated) -> Database:
    """Return a database that stands before chat.0004_thread_index."""
    kills.migrate(migrated.database, ("chat", "0003"))
    return migrated.database


@pytest.mark.parametrize("point", [1, 4, 8])
def test_killed_on_the_way_there_it_converges(
    migrated: Migrated, before_index: Database, point: int
) -> None:
    assert kills.killed(before_index, ("chat", "0004"), point)
    call_command("migrate", database=before_index.alias, verbosity=0)
    assert migrated.differences() == []


@pytest.mark.parametrize("point", [1, 3, 5])
def test_killed_on_the_way_back_it_converges(migrated: Migrated, point: int) -> None:
    assert kills.killed(migrated.database, ("chat", "0003"), point)
    call_command("migrate", database=migrated.database.alias, verbosity=0)
    assert migrated.differences() == []


@pytest.mark.engines("postgresql")
def test_killed_within_a_concurrent_build_the_index_is_built_again(
    migrated: Migrated, before_index: Database
) -> None:
    """An old transaction holds the build up; then the server ends the migrating session."""
    with (
        psycopg.connect(before_index.url) as old,
        psycopg.connect(before_index.url, autocommit=True) as administrator,
    ):
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        old.execute("SELECT count(*) FROM users")
        killer = threading.Thread(target=end_the_build, args=(administrator,))
        killer.start()
        with pytest.raises(CommandError) as error:
            kills.migrate(before_index, ("chat", "0004"))
        killer.join()
        invalid = administrator.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
        assert invalid.fetchone() == (1,)
    assert "failed while applying it: " in str(error.value)
    before_index.connection.close()
    call_command("migrate", database=before_index.alias, verbosity=0)
    assert migrated.differences() == []


def end_the_build(administrator: "psycopg.Connection[tuple[object, ...]]") -> None:
    ended = None
    while ended is None:
        ended = administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index"
            " WHERE datname = current_database() AND phase LIKE 'waiting for%'"
        ).fetchone()
