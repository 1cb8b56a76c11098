"""The old backend keeps working while a database is adopted, and afterwards."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from schema.introspection.catalog import Catalog
from tests.schema.adoption import people as p
from tests.schema.adoption.accounting import all_rows, assert_all_accounted_for, fetch
from tests.schema.adoption.conftest import Make, assert_like_fresh
from tests.schema.adoption.old_backend import OldBackend
from tests.schema.adoption.states import STATES
from tests.schema.adoption.test_states import WRONG

EVERY = 6
"""Let it work between every sixth pair of statements."""


@pytest.mark.parametrize(
    ("state", "threads", "personas"),
    [
        ("stuck after v2, with dirt", False, False),
        ("helped to v4, with dirt", True, True),
    ],
)
def test_old_backend_works_between_any_two_statements(
    make: Make, fresh: Catalog, state: str, threads: bool, personas: bool
) -> None:
    database = make(STATES[state])
    before = all_rows(database.connection)
    statements = 0
    with closing(OldBackend(database.url, threads=threads, personas=personas)) as backend:

        def interrupt(
            execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
        ) -> Any:
            nonlocal statements
            result = execute(sql, params, many, context)
            if not database.connection.in_atomic_block:
                statements += 1
                if statements % EVERY == 0:
                    backend.work()
            return result

        with database.connection.execute_wrapper(interrupt):
            call_command("migrate", database=database.alias, verbosity=0)
        assert backend.rounds > 20
        backend.work()
        rounds = backend.rounds
    assert_like_fresh(database, fresh)
    assert fetch(database.connection, WRONG) == []
    written = fetch(
        database.connection,
        "SELECT count(*) FILTER (WHERE t.is_general), count(*) FROM chat_messages m"
        " JOIN threads t ON t.id = m.thread_id WHERE m.content LIKE 'round %'",
    )
    assert written == [(2 * rounds, 2 * rounds)]
    for table, rows in all_rows(database.connection).items():
        for key in set(rows) - set(before.get(table, {})):
            before.setdefault(table, {})[key] = rows[key]
    assert_all_accounted_for(before, database.connection)


RED = (
    "INSERT INTO personas (user_id, name, color)"
    f" VALUES ('{p.ALICE}', 'Red', 'red') RETURNING id::text"
)


@pytest.mark.parametrize("state", ["helped to v3", "helped to v4, with dirt"])
def test_colours_of_the_old_backend_never_fail_a_migration(
    make: Make, fresh: Catalog, state: str
) -> None:
    """It writes one that is no hex colour after every statement from the first on."""
    database = make(STATES[state])
    with psycopg.connect(database.url, autocommit=True) as backend:

        def interrupt(
            execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
        ) -> Any:
            result = execute(sql, params, many, context)
            if not database.connection.in_atomic_block and "personas" in sql:
                backend.execute(RED.encode())
            return result

        with database.connection.execute_wrapper(interrupt):
            call_command("migrate", database=database.alias, verbosity=0)
        backend.execute(RED.encode())
        backend.execute(b"UPDATE personas SET color = 'blue' WHERE name = 'Red'")
    assert_like_fresh(database, fresh)
    assert fetch(database.connection, "SELECT DISTINCT color FROM personas WHERE name = 'Red'") == [
        ("#4f46e5",)
    ]
    assert fetch(database.connection, "SELECT count(*) > 20 FROM personas WHERE name = 'Red'") == [
        (True,)
    ]


@pytest.mark.parametrize(
    "failing", ['VALIDATE CONSTRAINT "personas_color_check"', 'INDEX CONCURRENTLY "personas_one']
)
def test_failure_leaves_nothing_that_hinders_the_old_backend(
    make: Make, fresh: Catalog, failing: str
) -> None:
    database = make(STATES["helped to v3"])
    before = all_rows(database.connection)

    def fail(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if failing in sql:
            raise OperationalError("the disk is full")
        return execute(sql, params, many, context)

    with database.connection.execute_wrapper(fail), pytest.raises(CommandError) as failure:
        call_command("migrate", database=database.alias, verbosity=0)
    assert "the disk is full" in str(failure.value)
    left = fetch(
        database.connection,
        "SELECT conname FROM pg_constraint WHERE NOT convalidated UNION ALL"
        " SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid",
    )
    assert left == []
    red = fetch(database.connection, RED)[0][0]
    fetch(database.connection, f"DELETE FROM personas WHERE id = '{red}' RETURNING 1")
    call_command("migrate", database=database.alias, verbosity=0)
    assert_like_fresh(database, fresh)
    assert_all_accounted_for(before, database.connection)
