"""A sample of `python -m tests.faults.kills`: killed at a statement, run again, the same end."""

import threading

import psycopg
import pytest
from django.core.management import CommandError

from tests.conftest import Database
from tests.faults import kills
from tests.schema.conftest import MigratedTo

BEFORE, AFTER = ("chat", "0003"), ("chat", "0004")


@pytest.fixture
def before_index(migrated_to: MigratedTo) -> Database:
    """Return a database that stands before chat.0004_thread_index."""
    return migrated_to(*BEFORE)


@pytest.fixture
def after_index(migrated_to: MigratedTo) -> Database:
    return migrated_to(*AFTER)


@pytest.fixture
def wanted(migrated_to: MigratedTo) -> kills.Picture:
    """Return the picture of a database that no run was killed on."""
    return kills.picture(migrated_to(*AFTER))


@pytest.mark.parametrize("point", [1, 4, 8])
def test_killed_on_the_way_there_it_converges(
    before_index: Database, wanted: kills.Picture, point: int
) -> None:
    assert kills.killed(before_index, AFTER, point)
    kills.migrate(before_index, AFTER)
    assert kills.picture(before_index) == wanted


@pytest.mark.parametrize("point", [1, 3, 5])
def test_killed_on_the_way_back_it_converges(
    after_index: Database, wanted: kills.Picture, point: int
) -> None:
    assert kills.killed(after_index, BEFORE, point)
    kills.migrate(after_index, AFTER)
    assert kills.picture(after_index) == wanted


@pytest.mark.engines("postgresql")
def test_killed_within_a_concurrent_build_the_index_is_built_again(
    before_index: Database, wanted: kills.Picture
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
            kills.migrate(before_index, AFTER)
        killer.join()
        invalid = administrator.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
        assert invalid.fetchone() == (1,)
    assert "failed while applying it: " in str(error.value)
    before_index.connection.close()
    kills.migrate(before_index, AFTER)
    assert kills.picture(before_index) == wanted


def end_the_build(administrator: "psycopg.Connection[tuple[object, ...]]") -> None:
    ended = None
    while ended is None:
        ended = administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index"
            " WHERE datname = current_database() AND phase LIKE 'waiting for%'"
        ).fetchone()
