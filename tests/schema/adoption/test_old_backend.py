"""The old backend goes on working while a database is taken over, and afterwards."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from django.core.management import call_command

from schema.introspection.catalog import Catalog
from tests.schema.adoption.accounting import all_rows, assert_all_accounted_for, fetch
from tests.schema.adoption.conftest import Make, assert_like_fresh
from tests.schema.adoption.old_backend import OldBackend
from tests.schema.adoption.states import STATES
from tests.schema.adoption.test_states import WRONG

pytestmark = [pytest.mark.postgresql, pytest.mark.every_server]

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
