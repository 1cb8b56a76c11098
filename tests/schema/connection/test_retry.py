"""Work that is tried again until it gets its locks."""

from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection

from schema.connection.retry import GaveUpError, RetryPolicy, milliseconds, retry
from schema.connection.session import session_settings


class LockError(Exception):
    sqlstate = "55P03"


def conflict() -> OperationalError:
    error = OperationalError("canceling statement due to lock timeout")
    error.__cause__ = LockError()
    return error


class Work:
    """Fails with a lock conflict `failures` times."""

    def __init__(self, failures: int) -> None:
        self.failures, self.calls = failures, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise conflict()
        return "done"


def test_retry_repeats_work_until_it_gets_its_locks() -> None:
    reported: list[tuple[int, float]] = []
    policy = RetryPolicy(
        first_pause=0.001, longest_pause=0.002, on_conflict=lambda *facts: reported.append(facts)
    )
    work = Work(4)
    assert retry(work, policy) == "done"
    assert work.calls == 5
    assert [attempt for attempt, _ in reported] == [1, 2, 3, 4]
    assert all(0 <= pause <= 0.002 for _, pause in reported)


def test_retry_gives_up_once_and_for_all_when_patience_has_ended() -> None:
    work = Work(1000)
    outer: list[int] = []

    def nested() -> str:
        outer.append(1)
        return retry(work, RetryPolicy(patience=0))

    with pytest.raises(GaveUpError, match="lock timeout"):
        retry(nested, RetryPolicy(patience=60))
    assert (work.calls, outer) == (1, [1])


def test_retry_does_not_repeat_what_failed_for_another_reason() -> None:
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        raise DatabaseError("syntax error")

    with pytest.raises(DatabaseError, match="syntax error"):
        retry(work, RetryPolicy())
    assert calls == [1]


def test_a_duration_never_becomes_zero_which_means_no_limit() -> None:
    assert [milliseconds(n) for n in (0, 0.0001, 0.05, 2)] == ["1ms", "1ms", "50ms", "2000ms"]


def setting(name: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return cursor.fetchone()[0]


def fail_with(settings: dict[str, str]) -> None:
    with session_settings(connection, settings), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


@pytest.mark.engines("postgresql", "older")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["lock_timeout", "statement_timeout"])
def test_session_settings_restores_what_was_set_before(name: str) -> None:
    before = setting(name)
    with session_settings(connection, {name: "7s"}):
        with pytest.raises(DatabaseError):
            fail_with({name: "3s"})
        assert setting(name) == "7s"
        with session_settings(connection, {name: "3s", "work_mem": "5MB"}):
            assert (setting(name), setting("work_mem")) == ("3s", "5MB")
        assert setting(name) == "7s"
    assert setting(name) == before
