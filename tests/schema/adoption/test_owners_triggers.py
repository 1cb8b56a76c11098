"""What an adoption changes must change: the owner's triggers and rules are found beforehand."""

import io
from collections.abc import Sequence

import pytest
from django.core.management import CommandError, call_command

from schema.introspection.catalog import Catalog
from tests.schema.adoption import people as p
from tests.schema.adoption.accounting import all_rows, assert_all_accounted_for, fetch
from tests.schema.adoption.conftest import Make, assert_like_fresh, run
from tests.schema.adoption.people import key
from tests.schema.adoption.states import HELPED_TO_V4, STUCK
from tests.schema.adoption.test_refusals import assert_refuses_and_changes_nothing


def trigger(timing: str, body: str) -> list[str]:
    """Return a trigger of the owner's: its timing up to FOR EACH, and what its function does."""
    return [
        f"CREATE FUNCTION owners_own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f"CREATE TRIGGER owners_own {timing} EXECUTE FUNCTION owners_own()",
    ]


FORBID = "RAISE EXCEPTION 'the table is an archive';"
OBSTRUCTED: dict[str, tuple[Sequence[str], str]] = {
    "updates are skipped": (
        trigger("BEFORE UPDATE ON chat_messages FOR EACH ROW", "RETURN NULL;"),
        "A trial UPDATE on one row of chat_messages changes no row, and reports no error.",
    ),
    "updates are undone": (
        trigger("BEFORE UPDATE ON personas FOR EACH ROW", "RETURN OLD;"),
        "A trial UPDATE on one row of personas is undone.",
    ),
    "updates of the link are undone": (
        trigger("BEFORE UPDATE OF thread_id ON chat_messages FOR EACH ROW", "RETURN OLD;"),
        "A trial UPDATE of thread_id on one row of chat_messages is undone.",
    ),
    "updates are undone afterwards": (
        trigger(
            "AFTER UPDATE ON chat_messages FOR EACH ROW WHEN (pg_trigger_depth() = 0)",
            "UPDATE chat_messages SET thread_id = OLD.thread_id WHERE id = OLD.id; RETURN NULL;",
        ),
        "A trial UPDATE of thread_id on one row of chat_messages is undone.",
    ),
    "inserts are skipped": (
        trigger("BEFORE INSERT ON threads FOR EACH ROW", "RETURN NULL;"),
        "A trial INSERT on one row of threads changes no row, and reports no error.",
    ),
    "deletes are soft": (
        [
            *p.OWNERLESS_PERSONA,
            "ALTER TABLE personas ADD COLUMN deleted boolean",
            *trigger(
                "BEFORE DELETE ON personas FOR EACH ROW",
                "UPDATE personas SET deleted = true WHERE id = OLD.id; RETURN NULL;",
            ),
        ],
        "A trial DELETE on one row of personas changes no row, and reports no error.",
    ),
    "a table is made read-only": (
        trigger("BEFORE INSERT OR UPDATE OR DELETE ON users FOR EACH ROW", FORBID),
        "A trial UPDATE on one row of users fails: the table is an archive",
    ),
    "a table is made read-only by statement": (
        trigger("BEFORE UPDATE ON chat_messages FOR EACH STATEMENT", FORBID),
        "A trial UPDATE on one row of chat_messages fails: the table is an archive",
    ),
    "a change is refused at the end of the transaction": (
        [
            trigger("", FORBID)[0],
            "CREATE CONSTRAINT TRIGGER owners_own AFTER UPDATE ON personas"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owners_own()",
        ],
        "A trial UPDATE on one row of personas fails: the table is an archive",
    ),
    "a rule does nothing instead of updates": (
        ["CREATE RULE kept AS ON UPDATE TO chat_messages DO INSTEAD NOTHING"],
        "The rule kept on chat_messages replaces UPDATE",
    ),
    "a rule does nothing instead of some updates": (
        ["CREATE RULE kept AS ON UPDATE TO personas WHERE OLD.name = 'Formal' DO INSTEAD NOTHING"],
        "The rule kept on personas replaces UPDATE",
    ),
    "a rule does nothing instead of inserts": (
        ["CREATE RULE kept AS ON INSERT TO threads DO INSTEAD NOTHING"],
        "The rule kept on threads replaces INSERT",
    ),
    "a rule copies inserts": (
        [
            "CREATE TABLE copies (title text)",
            "CREATE RULE copied AS ON INSERT TO threads DO ALSO"
            " INSERT INTO copies VALUES (NEW.title)",
        ],
        "A trial INSERT on one row of threads fails: INSERT with ON CONFLICT clause",
    ),
}


@pytest.mark.parametrize("name", OBSTRUCTED)
def test_what_skips_undoes_or_refuses_changes_is_found_before_the_first(
    make: Make, name: str
) -> None:
    statements, words = OBSTRUCTED[name]
    database = make([*HELPED_TO_V4, *statements])
    message = assert_refuses_and_changes_nothing(database)
    assert words in message
    if "A trial" in words and "rule" not in name:
        assert "Triggers of the owner's on it: owners_own." in message
        assert 'DISABLE TRIGGER "owners_own"; run migrate, then enable it again.' in message


def test_disabled_triggers_and_rules_do_not_prevent_adoption(make: Make, fresh: Catalog) -> None:
    database = make(
        [
            *HELPED_TO_V4,
            *OBSTRUCTED["updates are skipped"][0],
            "ALTER TABLE chat_messages DISABLE TRIGGER owners_own",
            "CREATE RULE kept AS ON UPDATE TO personas DO INSTEAD NOTHING",
            "ALTER TABLE personas DISABLE RULE kept",
        ]
    )
    before = all_rows(database.connection)
    call_command("migrate", database=database.alias, verbosity=0)
    assert_like_fresh(database, fresh)
    assert_all_accounted_for(before, database.connection)


def test_event_trigger_that_forbids_ddl_is_named_and_nothing_changes(make: Make) -> None:
    database = make(STUCK)
    before = all_rows(database.connection)
    run(
        database,
        [
            "CREATE FUNCTION frozen() RETURNS event_trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the schema is frozen'; END $$",
            "CREATE EVENT TRIGGER frozen ON ddl_command_start"
            " WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION frozen()",
        ],
    )
    try:
        with pytest.raises(CommandError) as refusal:
            call_command("migrate", database=database.alias, verbosity=0)
    finally:
        run(database, ["DROP EVENT TRIGGER frozen"])
    assert refusal.value.returncode == 1
    assert "the schema is frozen" in str(refusal.value)
    assert all_rows(database.connection) == before


@pytest.mark.parametrize("result", ["OLD", "NULL"])
def test_trigger_that_spares_one_row_ends_the_step_and_the_next_run_completes_it(
    make: Make, fresh: Catalog, result: str
) -> None:
    spared = key("e", 7)
    database = make(
        [
            *STUCK,
            *trigger(
                f"BEFORE UPDATE ON chat_messages FOR EACH ROW WHEN (OLD.id = '{spared}')",
                f"RETURN {result};",
            ),
        ]
    )
    before = all_rows(database.connection)
    with pytest.raises(CommandError) as failure:
        call_command("migrate", database=database.alias, verbosity=0)
    assert failure.value.returncode == 1
    assert (
        f"2 passes over chat_messages left a row as it was: id {spared}. Rows that still need the"
        " step: 1."
    ) in str(failure.value)
    assert "trigger" in str(failure.value)
    run(database, ["DROP TRIGGER owners_own ON chat_messages"])
    call_command("migrate", database=database.alias, verbosity=0)
    assert_like_fresh(database, fresh)
    assert_all_accounted_for(before, database.connection)


def test_plan_lists_what_the_owner_has_added_and_runs_none_of_it(make: Make) -> None:
    database = make(
        [
            *STUCK,
            *trigger("BEFORE UPDATE ON chat_messages FOR EACH ROW", FORBID),
            "CREATE RULE logged AS ON DELETE TO personas DO ALSO NOTHING",
            "CREATE POLICY open ON users USING (true)",
            "CREATE TYPE mood AS ENUM ('good')",
            "CREATE PUBLICATION everything FOR TABLE users",
        ]
    )
    out = io.StringIO()
    call_command("migrate", database=database.alias, plan=True, stdout=out)
    line = next(x for x in out.getvalue().splitlines() if x.startswith("These objects"))
    assert line == (
        "These objects are not this project's and stay as they are: trigger owners_own on"
        " chat_messages, policy open on users, rule logged on personas, type mood, publication"
        " everything of users"
    )
    assert "A round trip to the server takes " in out.getvalue()
    assert fetch(database.connection, "SELECT count(*) FROM chat_messages") == [(12,)]
