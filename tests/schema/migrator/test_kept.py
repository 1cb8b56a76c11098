"""A rollback with --keep loses nothing."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test.utils import override_settings

from schema.drift.compare import find
from schema.introspection.catalog import Catalog
from schema.introspection.read import read_catalog
from schema.migrator import recovery
from schema.models import KeptObject
from tests.conftest import Database
from tests.faults import kills
from tests.schema.conftest import Migrated
from tests.schema.migrator.test_rollback import ROWS, key


def migrate(database: Database, *arguments: str, **options: object) -> str:
    out = StringIO()
    call_command(
        "migrate", *arguments, database=database.alias, stdout=out, interactive=False, **options
    )
    return out.getvalue()


def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.connection.cursor() as cursor:
        cursor.execute(query)
        return sorted(cursor.fetchall(), key=repr)


def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of the tables of people."""
    columns = {
        "users": "id, email",
        "personas": "id, user_id, name, description, color, is_active",
        "threads": "id, user_id, persona_id, title, is_general, message_count, pinned_at",
        "chat_messages": "id, user_id, thread_id, role, content",
        "chat_message_versions": "id, message_id, content",
        "chat_replies": "id, thread_id, answer_id, text",
    }
    return {
        table: rows(database, f"SELECT {names} FROM {table}") for table, names in columns.items()
    }


@pytest.fixture
def with_rows(migrated: Migrated) -> Migrated:
    vendor = migrated.database.connection.vendor
    names = {name: key(number, vendor) for number, name in enumerate("upqabc", 1)}
    statements = [
        *ROWS,
        "UPDATE threads SET title = 'Renamed', pinned_at = '2026-01-01 00:00:00'",
        "INSERT INTO threads (id, user_id, persona_id, title) VALUES ('{a}', '{u}', '{q}', 'Mine')",
        "INSERT INTO chat_messages (id, user_id, thread_id, role, content)"
        " VALUES ('{b}', '{u}', '{a}', 'user', 'In mine')",
        "INSERT INTO chat_message_versions (message_id, role, content, written_at)"
        " VALUES ('{b}', 'user', 'Before', '2026-01-01 00:00:00')",
        "INSERT INTO chat_replies (thread_id, answer_id, voice, status, text)"
        " VALUES ('{a}', '{b}', 'assistant', 'complete', 'Answer')",
    ]
    migrated.run([statement.format(**names) for statement in statements])
    return migrated


TARGETS = [("chat", "0001"), ("personas", "zero")]


@pytest.mark.parametrize("target", TARGETS, ids=".".join)
def test_way_back_and_forth_loses_nothing(with_rows: Migrated, target: tuple[str, str]) -> None:
    database = with_rows.database
    before = everything(database)
    migrate(database, *target, keep=True)
    assert KeptObject.objects.using(database.alias).exists()
    migrate(database)
    assert everything(database) == before
    assert with_rows.differences() == []
    assert not KeptObject.objects.using(database.alias).exists()


SHELTER = [
    "INSERT INTO shelter_keeper (name, code, nick, level) VALUES ('Alice', 'a', NULL, 1)",
    "INSERT INTO shelter_keeper (name, code, nick, level) VALUES ('Bob', 'b', 'bobby', 2)",
    "INSERT INTO shelter_keeper (name, code, nick, level) VALUES ('Carol', 'c', 'caz', 5)",
    "INSERT INTO shelter_cage (name, owner_id) VALUES ('Lions', 1)",
    "INSERT INTO shelter_cage (name, owner_id, beside_id) VALUES ('Bears', 2, 1)",
    "INSERT INTO shelter_cage (name, owner_id, beside_id) VALUES ('Wolves', 3, 2)",
    "UPDATE shelter_keeper SET favourite_id = id, shoe = 40 + id",
    "INSERT INTO shelter_keeper_helpers (from_keeper_id, to_keeper_id) VALUES (1, 2)",
    "INSERT INTO shelter_keeper_helpers (from_keeper_id, to_keeper_id) VALUES (2, 3)",
    "INSERT INTO shelter_note VALUES (7, 'Feed the lions')",
]
QUERIES = {
    "keepers": "SELECT id, name, code, nick, level, favourite_id, shoe FROM shelter_keeper",
    "cages": "SELECT id, name, owner_id, beside_id FROM shelter_cage",
    "helpers": "SELECT id, from_keeper_id, to_keeper_id FROM shelter_keeper_helpers",
    "notes": 'SELECT id, "Text" FROM shelter_note',
}


@pytest.fixture
def shelter(empty_database: Database) -> Iterator[Database]:
    installed = [*settings.INSTALLED_APPS, "tests.schema.migrator.shelter"]
    with override_settings(INSTALLED_APPS=installed):
        migrate(empty_database, "shelter", verbosity=0)
        run(empty_database, SHELTER)
        yield empty_database


def run(database: Database, statements: list[str]) -> None:
    with database.connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def content(database: Database) -> dict[str, list[tuple[object, ...]]]:
    return {name: rows(database, query) for name, query in QUERIES.items()}


def of_shelter(database: Database) -> Catalog:
    catalog = read_catalog(database.connection)
    return catalog.only({name for name in catalog.tables if name.startswith("shelter_")})


def test_other_apps_objects_of_every_kind_come_back(shelter: Database) -> None:
    before, schema = content(shelter), of_shelter(shelter)
    plan = migrate(shelter, "shelter", "0001", plan=True, keep=True)
    assert set(plan.splitlines()[-9:]) == LOST
    assert "  table shelter_cage: 3 rows" in migrate(shelter, "shelter", "0001", keep=True)
    assert set(of_shelter(shelter).tables) == {"shelter_keeper"}
    assert list(of_shelter(shelter).tables["shelter_keeper"].columns) == ["id", "name"]
    history = StringIO()
    call_command("history", database=shelter.alias, stdout=history, no_color=True)
    assert "    set aside table shelter_cage (3 rows) as kept_by_migrate_" in history.getvalue()
    plan = migrate(shelter, "shelter", plan=True)
    assert "  table shelter_cage (3 rows)" in plan.splitlines()
    assert "  put back table shelter_cage: 3 rows" in migrate(shelter, "shelter").splitlines()
    assert content(shelter) == before
    assert [find(schema, of_shelter(shelter)), find(of_shelter(shelter), schema)] == [[], []]
    run(shelter, ["INSERT INTO shelter_cage (name, owner_id) VALUES ('Seals', 1)"])
    assert rows(shelter, "SELECT max(id) FROM shelter_cage") == [(4,)]


LOST = {
    "This rollback sets aside:",
    "  column shelter_keeper.favourite_id: 3 rows with a value of their own",
    "  column shelter_keeper.code: 3 rows with a value of their own",
    "  column shelter_keeper.nick: 2 rows with a value of their own",
    "  column shelter_keeper.level: 3 rows with a value of their own",
    "  column shelter_keeper.shoe: 3 rows with a value of their own",
    "  table shelter_cage: 3 rows",
    "  table shelter_keeper_helpers: 2 rows",
    "  table shelter_note: 1 row",
}


def test_what_people_wrote_meanwhile_wins_and_is_reported(shelter: Database) -> None:
    migrate(shelter, "shelter", "0001", keep=True)
    run(
        shelter,
        [
            "UPDATE shelter_keeper SET name = 'Robert' WHERE id = 2",
            "DELETE FROM shelter_keeper WHERE id = 3",
            "INSERT INTO shelter_keeper (name) VALUES ('Dora')",
        ],
    )
    out = migrate(shelter, "shelter")
    assert content(shelter) == {
        "keepers": [
            (1, "Alice", "a", None, 1, 1, 41),
            (2, "Robert", "b", "bobby", 2, 2, 42),
            (4, "Dora", "code 4", "dora", 3, None, None),
        ],
        "cages": [(1, "Lions", 1, None), (2, "Bears", 2, 1)],
        "helpers": [(1, 1, 2)],
        "notes": [(7, "Feed the lions")],
    }
    assert rows(shelter, "SELECT table_name FROM schema_quarantine") == [
        ("shelter_cage",),
        ("shelter_keeper_helpers",),
    ]
    assert (
        "  put back table shelter_cage: 2 rows; 1 lost a reference to what was deleted meanwhile"
        " or went into quarantine" in out.splitlines()
    )
    assert (
        "  put back column shelter_keeper.level: 2 values; 1 row was written meanwhile and stays"
        " as it is" in out.splitlines()
    )


def test_forget_drops_what_is_set_aside(shelter: Database) -> None:
    migrate(shelter, "shelter", "0001", keep=True)
    with pytest.raises(CommandError) as error:
        migrate(shelter, "shelter", forget=True)
    assert error.value.returncode == 5
    out = migrate(shelter, "shelter", forget=True, accept_data_loss=True)
    assert "  dropped table shelter_cage" in out.splitlines()
    assert not KeptObject.objects.using(shelter.alias).exists()
    names = recovery.object_names(shelter.connection)
    assert [name for name in names if "kept_by_migrate_" in name] == []
    assert migrate(shelter, forget=True) == "Nothing is set aside.\n"


@pytest.mark.parametrize(("back", "forth"), [(8, 40), (30, 75)])
def test_killed_both_ways_it_converges(shelter: Database, back: int, forth: int) -> None:
    before, schema = content(shelter), of_shelter(shelter)
    assert kills.killed(shelter, ("shelter", "0001"), back, keep=True)
    migrate(shelter, "shelter", "0001", keep=True)
    assert kills.killed(shelter, ("shelter",), forth)
    migrate(shelter, "shelter")
    assert content(shelter) == before
    assert [find(schema, of_shelter(shelter)), find(of_shelter(shelter), schema)] == [[], []]
    assert not KeptObject.objects.using(shelter.alias).exists()
