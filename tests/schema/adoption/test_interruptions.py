"""An adoption that was interrupted anywhere is completed by the next run.

A sample of the points; every one of them, which takes long, with

    ADOPTION_EVERY=1 TEST_ENGINE=postgresql pytest tests/schema/adoption/test_interruptions.py
"""

import os
from contextlib import closing

import pytest
from django.core.management import call_command

from schema.introspection.catalog import Catalog
from tests.conftest import Database
from tests.schema.adoption.accounting import Rows, all_rows, assert_all_accounted_for, fetch
from tests.schema.adoption.conftest import Make, assert_like_fresh
from tests.schema.adoption.interruptions import (
    migrate_until_backend_is_terminated,
    migrate_until_killed,
)
from tests.schema.adoption.old_backend import OldBackend
from tests.schema.adoption.states import STATES
from tests.schema.adoption.test_states import WRONG

pytestmark = pytest.mark.engines("postgresql")

STATE = "early messages, helped to v4"
EVERY = int(os.environ.get("ADOPTION_EVERY", "0"))
LAST = 2000
"""More statements than any adoption of these few rows executes."""


@pytest.mark.parametrize("number", range(0, LAST, EVERY) if EVERY else (150, 250, 350, 450))
def test_adoption_goes_on_after_its_connection_was_lost(
    make: Make, fresh: Catalog, number: int
) -> None:
    database = make(STATES[STATE])
    before = all_rows(database.connection)
    assert migrate_until_backend_is_terminated(database, number) or EVERY
    assert_completed_by_a_rerun(database, before, fresh)


@pytest.mark.parametrize("number", range(0, LAST, EVERY * 7) if EVERY else (300,))
def test_adoption_goes_on_after_its_process_was_killed(
    make: Make, fresh: Catalog, number: int
) -> None:
    database = make(STATES[STATE])
    before = all_rows(database.connection)
    assert migrate_until_killed(database, number) or EVERY
    assert_completed_by_a_rerun(database, before, fresh)


def assert_completed_by_a_rerun(database: Database, before: Rows, fresh: Catalog) -> None:
    with closing(OldBackend(database.url, threads=True, personas=True)) as backend:
        backend.work()
        call_command("migrate", database=database.alias, verbosity=0)
    assert_like_fresh(database, fresh)
    assert fetch(database.connection, WRONG) == []
    after = all_rows(database.connection)
    for table in ("users", "personas", "chat_messages"):
        for key in set(after[table]) - set(before[table]):
            assert "round" in str(after[table][key]) or table != "chat_messages"
            before[table][key] = after[table][key]
    assert_all_accounted_for(before, database.connection)
