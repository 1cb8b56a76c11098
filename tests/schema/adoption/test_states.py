"""Every known state of an old database, adopted by `migrate`."""

import io

import pytest
from django.core.management import call_command

from schema.drift.verify import verify
from schema.introspection.catalog import Catalog
from schema.introspection.read import read_catalog
from tests.conftest import Database
from tests.schema.adoption.accounting import all_rows, assert_all_accounted_for, fetch
from tests.schema.adoption.conftest import ADOPTED, Make, assert_like_fresh, run
from tests.schema.adoption.states import STATES

# The state that needs most repairs shows that an older server runs them all.
EVERY_SERVER = "early messages, helped to v4"


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(state, marks=pytest.mark.engines("postgresql", "older"))
        if state == EVERY_SERVER
        else state
        for state in STATES
    ],
)
def test_old_database_becomes_like_a_fresh_one(
    make: Make, fresh: Catalog, adopted: Catalog, state: str
) -> None:
    database = make(STATES[state])
    before = all_rows(database.connection)
    records = fetch(database.connection, RECORDS)
    catalog = read_catalog(database.connection)

    plan = io.StringIO()
    call_command("migrate", database=database.alias, plan=True, stdout=plan)
    assert all_rows(database.connection) == before
    assert fetch(database.connection, RECORDS) == records
    assert read_catalog(database.connection) == catalog

    # A script cut short leaves the rows of the others: what follows the adoption is the same.
    target = ADOPTED if " by psql, " in state else ()
    call_command("migrate", *target, database=database.alias, verbosity=0)
    assert_like_fresh(database, adopted if target else fresh)
    assert_all_accounted_for(before, database.connection)
    assert fetch(database.connection, WRONG) == []

    rows, records = all_rows(database.connection), fetch(database.connection, RECORDS)
    again = io.StringIO()
    call_command("migrate", *target, database=database.alias, stdout=again)
    assert "Nothing to do" in again.getvalue()
    assert (all_rows(database.connection), fetch(database.connection, RECORDS)) == (rows, records)
    if state in VERIFIED:
        assert_verified(database)


# `verify` raises no false alarm on these, and still finds drift.
VERIFIED = {
    "base only, no rows",
    "stuck after v2, with dirt",
    "helped to v4, with dirt",
    "early messages, helped to v4",
}
assert STATES.keys() >= VERIFIED


def assert_verified(database: Database) -> None:
    result = verify(database.connection, data=True)
    assert result.all_differences == []
    assert result.unapplied + result.edited + result.unknown + result.unfinished == []
    run(database, ["ALTER TABLE personas DISABLE TRIGGER personas_one_active_insert"])
    assert [one.object for one in verify(database.connection).differences] == [
        "trigger personas.personas_one_active_insert"
    ]


RECORDS = "SELECT app, name, applied FROM django_migrations ORDER BY id"
# Messages that are in no thread of their own user's, threads whose counts are wrong, users
# with two General threads, and users with personas of which not one is active.
WRONG = """
    SELECT 'message', m.id::text FROM chat_messages m
    LEFT JOIN threads t ON t.id = m.thread_id AND t.user_id = m.user_id WHERE t.id IS NULL
    UNION ALL
    SELECT 'thread', t.id::text FROM threads t
    WHERE t.message_count <> (SELECT count(*) FROM chat_messages m WHERE m.thread_id = t.id)
    OR t.last_message_at IS DISTINCT FROM
       (SELECT max(created_at) FROM chat_messages m WHERE m.thread_id = t.id)
    UNION ALL
    SELECT 'user', user_id::text FROM threads WHERE title = 'General'
    GROUP BY user_id HAVING count(*) > 1 OR NOT bool_or(is_general)
    UNION ALL
    SELECT 'persona', user_id::text FROM personas
    GROUP BY user_id HAVING count(*) FILTER (WHERE is_active) <> 1
"""
