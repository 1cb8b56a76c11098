"""Life after an adoption: logging in, the records, the summary, the owner's views, going back."""

import io
import json
from datetime import UTC, datetime

import pytest
from django.core.management import call_command

from schema.introspection.catalog import Catalog
from schema.models import MigrationRun, QuarantinedRow
from tests.schema.adoption import people as p
from tests.schema.adoption import scripts as s
from tests.schema.adoption.accounting import all_rows, fetch
from tests.schema.adoption.conftest import ADOPTED, Make, assert_like_fresh
from tests.schema.adoption.people import key
from tests.schema.adoption.states import EARLY, HELPED_TO_V4, OTHER_LINKS, STATES, STUCK
from users.models import User


def test_old_password_still_logs_in_and_is_upgraded(make: Make) -> None:
    database = make(STUCK)
    call_command("migrate", database=database.alias, verbosity=0)
    manager = User.objects.db_manager(database.alias)
    alice = manager.get(pk=p.ALICE)
    assert not alice.check_password("wrong")
    assert alice.check_password(p.PASSWORD)
    (stored,) = fetch(
        database.connection, f"SELECT password_hash FROM users WHERE id = '{p.ALICE}'"
    )[0]
    assert stored.startswith("argon2$")
    assert manager.get(pk=p.ALICE).check_password(p.PASSWORD)
    (untouched,) = fetch(
        database.connection, f"SELECT password_hash FROM users WHERE id = '{p.BOB}'"
    )[0]
    assert untouched == p.HASH


def test_records_have_the_times_of_the_old_tool(make: Make) -> None:
    database = make(HELPED_TO_V4)
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
    records = {
        (app, name): applied
        for app, name, applied in fetch(
            database.connection, "SELECT app, name, applied FROM django_migrations"
        )
    }
    day = [datetime(2025, 1, day, 11, 30, 0, 250_000, tzinfo=UTC) for day in (27, 28, 29)]
    assert records["chat", "0001_chat_history"] == day[0]
    assert records["personas", "0002_multi_persona"] == day[1]
    assert records["threads", "0001_threads"] == day[2]
    assert records["chat", "0002_thread_link"] == day[2]
    runs = MigrationRun.objects.using(database.alias)
    assert set(runs.filter(outcome="adopted").values_list("app", "name")) == {
        ("users", "0001_users"),
        ("personas", "0001_personas"),
        ("chat", "0001_chat_history"),
        ("personas", "0002_multi_persona"),
        ("threads", "0001_threads"),
        ("chat", "0002_thread_link"),
    }


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ("UPDATE schema_migrations SET executed_at = 'infinity'", None),
        ("ALTER TABLE schema_migrations DROP COLUMN executed_at", None),
        (
            "ALTER TABLE schema_migrations ALTER executed_at DROP DEFAULT, ALTER executed_at"
            " TYPE bigint USING 1700000000000",
            "2023-11-14T22:13:20Z",
        ),
        (
            "ALTER TABLE schema_migrations ALTER executed_at DROP DEFAULT, ALTER executed_at"
            " TYPE bigint USING 1700000000000000000",
            "2023-11-14T22:13:20Z",
        ),
        (
            "ALTER TABLE schema_migrations ALTER executed_at TYPE timestamptz"
            " USING executed_at AT TIME ZONE 'Asia/Tokyo'",
            "2025-01-27T02:30:00Z",
        ),
        (
            "ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_filename_key,"
            " ALTER filename DROP NOT NULL; INSERT INTO schema_migrations (filename, executed_at)"
            " VALUES (NULL, now()), ('', now()), ('schema_v2.sql', '2025-03-01')",
            "2025-01-27T11:30:00Z",
        ),
    ],
)
def test_odd_records_of_the_old_tool_do_not_prevent_adoption(
    make: Make, change: str, at: str | None
) -> None:
    database = make([*STUCK, change])
    out = io.StringIO()
    call_command("migrate", database=database.alias, plan=True, as_json=True, stdout=out)
    found = json.loads(out.getvalue().splitlines()[0])
    assert found["claims"][0]["file"] == s.V2_FILE
    assert found["claims"][0]["true"] is True
    seen = found["claims"][0]["at"]
    assert (seen and seen.split(".")[0].rstrip("Z") + "Z") == at


def test_record_of_a_file_that_left_an_older_table_in_place_is_not_believed(make: Make) -> None:
    database = make(STATES["early messages, v2 recorded over them"])
    out = io.StringIO()
    call_command("migrate", database=database.alias, plan=True, stdout=out)
    assert (
        "schema_v2.sql was run at 2025-01-27 11:30:00 UTC, but these are missing:"
        " chat_messages.thread_id, chat_messages.updated_at.\n"
    ) in out.getvalue()


def test_index_of_others_with_an_old_name_stays(make: Make) -> None:
    database = make([*EARLY, "CREATE INDEX idx_chat_messages_created ON messages (body)"])
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
    assert fetch(database.connection, "SELECT to_regclass('idx_chat_messages_created')::text") == [
        ("idx_chat_messages_created",)
    ]


def test_deleting_a_thread_takes_its_messages_whatever_the_link_did_before(make: Make) -> None:
    database = make([*HELPED_TO_V4, *p.OWN_THREAD, *OTHER_LINKS])
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
    fetch(database.connection, f"DELETE FROM threads WHERE id = '{key('f', 2)}' RETURNING 1")
    assert fetch(database.connection, f"SELECT FROM chat_messages WHERE id = '{key('e', 4)}'") == []


def test_json_tells_machines_what_was_found_and_repaired(make: Make) -> None:
    database = make(
        [
            *STUCK,
            *p.OWNERLESS_PERSONA,
            *s.recorded(s.V3_FILE)[1:],
            "ALTER TABLE chat_messages ADD CONSTRAINT no_twins CHECK (role <> 'twin')",
        ]
    )
    out = io.StringIO()
    call_command("migrate", *ADOPTED, database=database.alias, as_json=True, stdout=out)
    events = {line["event"]: line for line in map(json.loads, out.getvalue().splitlines())}
    found = events["adoption"]
    assert found["rows"] == {"users": 3, "personas": 5, "chat_messages": 12}
    assert {step: one["state"] for step, one in found["steps"].items()} == {
        "users.0001_users": "partial",
        "personas.0001_personas": "partial",
        "chat.0001_chat_history": "partial",
        "personas.0002_multi_persona": "absent",
        "threads.0001_threads": "absent",
        "chat.0002_thread_link": "partial",
        "chat.0003_thread_backfill": "changes rows only",
        "chat.0004_thread_index": "absent",
    }
    assert {one["file"]: one["true"] for one in found["claims"]} == {
        s.V2_FILE: True,
        s.V3_FILE: False,
    }
    assert found["not_ours"] == [
        *("persona_samples", "messages", "actions", "metrics"),
        "check no_twins on chat_messages",
    ]
    assert events["adopted"]["repairs"] == {
        "users without a name got an empty one": 1,
        "personas without a user went into quarantine": 1,
    }


def test_quarantined_row_is_whole_and_says_why_and_what_it_was_linked_to(make: Make) -> None:
    database = make([*EARLY, *p.OWNERLESS_PERSONA, *p.OWNERLESS_MESSAGES])
    before = all_rows(database.connection)
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
    kept = {
        row.row["id"]: row for row in QuarantinedRow.objects.using(database.alias).order_by("id")
    }
    persona, message = key("d", 7), key("e", 52)
    assert set(kept) == {persona, message, key("e", 53)}
    assert kept[persona].row == before["personas"][persona]
    assert kept[persona].reason == (
        "the persona has no user; it was the persona_id of these chat_messages: " + key("e", 54)
    )
    assert kept[message].row == before["chat_messages"][message]
    assert kept[message].reason == "neither the message nor its persona has a user"
    fetch(
        database.connection,
        "INSERT INTO personas SELECT (jsonb_populate_record(NULL::personas, row"
        f' || \'{{"user_id": "{p.CAROL}"}}\')).* FROM schema_quarantine'
        f" WHERE row ->> 'id' = '{persona}' RETURNING id",
    )
    back = fetch(
        database.connection, f"SELECT name, is_active, color FROM personas WHERE id = '{persona}'"
    )
    assert back == [("Nobody's", True, "#4f46e5")]
    (owner,) = fetch(
        database.connection, f"SELECT user_id::text FROM chat_messages WHERE id = '{key('e', 51)}'"
    )[0]
    assert owner == p.BOB


def test_owners_views_and_triggers_do_what_they_did(make: Make) -> None:
    database = make([*EARLY, *p.VIEWS, *p.TRIGGERS])
    views = fetch(database.connection, VIEWS)
    rows = fetch(database.connection, "SELECT * FROM recent")
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
    assert fetch(database.connection, VIEWS) == views
    assert sorted(fetch(database.connection, "SELECT * FROM recent")) == sorted(rows)
    fetch(
        database.connection,
        "INSERT INTO chat_messages (user_id, role, content)"
        f" VALUES ('{p.ALICE}', 'user', 'hi') RETURNING 1",
    )
    assert fetch(database.connection, "SELECT what FROM audit") == [("INSERT",)]


VIEWS = """
    SELECT relname, obj_description(oid, 'pg_class'), relacl::text, pg_get_viewdef(oid)
    FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace ORDER BY 1
"""


@pytest.mark.parametrize("state", ["stuck after v2, with dirt", "early messages, helped to v4"])
def test_every_step_rolls_back_and_comes_again(make: Make, fresh: Catalog, state: str) -> None:
    database = make(STATES[state])
    call_command("migrate", database=database.alias, verbosity=0)
    messages = fetch(database.connection, "SELECT id, content FROM chat_messages ORDER BY id")
    personas = fetch(database.connection, "SELECT id, name FROM personas ORDER BY id")
    others = all_rows(database.connection).get("persona_samples")

    def back(app: str, target: str) -> None:
        call_command("migrate", app, target, database=database.alias, verbosity=0, **AGREED)

    back("threads", "zero")
    assert fetch(database.connection, "SELECT to_regclass('threads')::text") == [(None,)]
    assert messages == fetch(
        database.connection, "SELECT id, content FROM chat_messages ORDER BY id"
    )
    back("personas", "0001")
    assert personas == fetch(database.connection, "SELECT id, name FROM personas ORDER BY id")
    back("chat", "zero")
    assert fetch(database.connection, "SELECT to_regclass('chat_messages')::text") == [(None,)]
    assert personas == fetch(database.connection, "SELECT id, name FROM personas ORDER BY id")
    assert all_rows(database.connection).get("persona_samples") == others
    call_command("migrate", database=database.alias, verbosity=0)
    assert_like_fresh(database, fresh)


AGREED = {"interactive": False, "accept_data_loss": True}
