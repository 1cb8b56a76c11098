"""A rollback keeps the owner's views and foreign keys, or names them before it drops them."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from schema.execution.executor import RecordingExecutor
from schema.migrator.owners_objects import find_owners_objects
from tests.conftest import Database
from tests.schema.adoption.accounting import fetch
from tests.schema.conftest import Migrated

pytestmark = pytest.mark.engines("postgresql", "older")

ROLES = ["DROP ROLE IF EXISTS reader", "CREATE ROLE reader"]
VIEWS = [
    "CREATE SCHEMA reports",
    # Over what stays.
    "CREATE VIEW reports.people AS SELECT id, email FROM users",
    # Over what is dropped and created anew by the migrations before it.
    "CREATE MATERIALIZED VIEW reports.sizes AS"
    " SELECT user_id, count(*) AS number FROM chat_messages GROUP BY user_id",
    "CREATE UNIQUE INDEX sizes_user ON reports.sizes (user_id)",
    "COMMENT ON MATERIALIZED VIEW reports.sizes IS 'of the owner''s'",
    "COMMENT ON COLUMN reports.sizes.number IS 'messages'",
    "GRANT SELECT ON reports.sizes TO reader",
    "CREATE VIEW reports.large WITH (security_barrier=true) AS"
    " SELECT * FROM reports.sizes WHERE number > 10",
    "ALTER VIEW reports.large OWNER TO reader",
]
LOST = [
    "CREATE VIEW titles AS SELECT title, count(*) AS number FROM threads GROUP BY title",
    "CREATE VIEW reports.long_titles AS SELECT title FROM titles WHERE length(title) > 20",
    "CREATE TABLE reports.notes (thread_id uuid CONSTRAINT notes_thread REFERENCES threads (id))",
    "CREATE MATERIALIZED VIEW reports.links AS SELECT id, thread_id FROM chat_messages",
    "CREATE PUBLICATION own FOR TABLE threads",
]


def snapshot(database: Database) -> list[tuple[object, ...]]:
    return fetch(
        database.connection,
        "SELECT c.oid::regclass::text, c.relkind::text, pg_get_userbyid(c.relowner)::text,"
        " c.relacl::text, c.reloptions::text, pg_get_viewdef(c.oid), obj_description(c.oid),"
        " ARRAY(SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = c.oid)::text"
        " FROM pg_class AS c WHERE c.relnamespace::regnamespace::text IN ('reports', 'public')"
        " AND c.relkind IN ('v', 'm') ORDER BY 1",
    )


def roll_back(database: Database, *arguments: str, **options: object) -> str:
    out = StringIO()
    call_command(
        "migrate", *arguments, database=database.alias, stdout=out, interactive=False, **options
    )
    return out.getvalue()


def test_views_that_lose_nothing_stay_as_they_were(migrated: Migrated) -> None:
    migrated.run([*ROLES, *VIEWS])
    before = snapshot(migrated.database)
    try:
        output = roll_back(migrated.database, "chat", "0002")
        assert "drops what others made" not in output
        assert snapshot(migrated.database) == before
    finally:
        migrated.run(["DROP SCHEMA reports CASCADE", "DROP ROLE reader"])


def test_views_and_foreign_keys_that_go_are_named_and_agreed_to(migrated: Migrated) -> None:
    database = migrated.database
    migrated.run([*ROLES, *VIEWS, *LOST])
    before = snapshot(database)
    try:
        with pytest.raises(CommandError) as refusal:
            roll_back(database, "threads", "zero", verbosity=0)
        assert refusal.value.returncode == 5
        lines = str(refusal.value).splitlines()
        place = lines.index(
            "This rollback drops what others made and what depends on what it drops:"
        )
        end = lines.index("To create it again later:")
        assert set(lines[place + 1 : end]) == {
            "  view titles",
            "  view reports.long_titles",
            "  materialized view reports.links",
            "  foreign key notes_thread of reports.notes",
            "  publication of table threads in publication own",
        }
        assert (
            '  ALTER TABLE reports.notes ADD CONSTRAINT "notes_thread"'
            " FOREIGN KEY (thread_id) REFERENCES threads(id);"
        ) in lines
        assert snapshot(database) == before
        roll_back(database, "threads", "zero", accept_data_loss=True)
        lost = {"titles", "reports.long_titles", "reports.links"}
        assert snapshot(database) == [row for row in before if row[0] not in lost]
    finally:
        migrated.run(["DROP SCHEMA reports CASCADE", "DROP ROLE reader"])


def test_view_that_a_migration_takes_along_is_created_anew(migrated: Migrated) -> None:
    """A migration may drop with CASCADE what it or an earlier one creates again."""
    migrated.run([*ROLES, *VIEWS])
    before = snapshot(migrated.database)
    try:
        executor = RecordingExecutor(migrated.database.connection)
        owned = find_owners_objects(
            executor, executor.migration_plan([("chat", "0004_thread_index")])
        )
        assert owned.lost == []
        migrated.run(["DROP MATERIALIZED VIEW reports.sizes CASCADE"])
        owned.create_anew()
        assert owned.made_anew == ["materialized view reports.sizes", "view reports.large"]
        assert snapshot(migrated.database) == before
    finally:
        migrated.run(["DROP SCHEMA reports CASCADE", "DROP ROLE reader"])
