"""Other people's apps live beside the project: no look acts, and everything can be verified."""

import json
import threading
from pathlib import Path
from time import sleep
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.commands import migrate
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from tests.conftest import Database, new_database
from tests.engine import VENDOR
from tests.schema.zoo.conftest import Zoo, clean

# What happens to a table of another app, and what differs then. All happens in one database.
DRIFT = {
    "DROP TABLE plain_objects_animal": "table plain_objects_animal",
    "ALTER TABLE plain_connection_cage RENAME COLUMN note TO remark": (
        "column plain_connection_cage.note"
    ),
    "DROP INDEX plans_scale": "index plans.plans_scale",
    "ALTER TABLE threads DROP COLUMN intruder": "column threads.intruder",
}
ON_POSTGRESQL = {
    "ALTER TABLE swappable_visit DROP CONSTRAINT visit_means": "check swappable_visit.visit_means",
    "ALTER TABLE plain_connection_cage DROP CONSTRAINT one_of_a_size": (
        "unique plain_connection_cage.one_of_a_size"
    ),
    "ALTER TABLE concurrent_sql_gate DROP CONSTRAINT concurrent_sql_gate_pkey": (
        "primary key concurrent_sql_gate.concurrent_sql_gate_pkey"
    ),
    "ALTER TABLE squashed_bench ALTER COLUMN place TYPE text": "column squashed_bench.place",
    "ALTER TABLE historical_model_keeper ALTER COLUMN name DROP NOT NULL": (
        "column historical_model_keeper.name"
    ),
    "ALTER TABLE not_atomic_queue ALTER COLUMN head SET DEFAULT 1": "column not_atomic_queue.head",
    "ALTER TABLE squashed_bench ALTER COLUMN id DROP IDENTITY": "column squashed_bench.id",
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'path_name'::regclass": (
        "index concurrent_index_path.path_name"
    ),
    "DROP INDEX gate_name; CREATE INDEX gate_name ON concurrent_sql_gate (id)": (
        "index concurrent_sql_gate.gate_name"
    ),
    "ALTER TABLE named_schema_pond DROP CONSTRAINT named_schema_pond_depth_check,"
    " ADD CONSTRAINT named_schema_pond_depth_check CHECK (depth > 1)": (
        "check named_schema_pond.named_schema_pond_depth_check"
    ),
    "CREATE OR REPLACE FUNCTION named_schema_depth() RETURNS integer LANGUAGE sql AS 'SELECT 1'": (
        "function named_schema_depth()"
    ),
    "ALTER TABLE historical_model_keeper SET UNLOGGED": "table historical_model_keeper",
}


@pytest.mark.engines("postgresql")
def test_whole_life_calls_each_code_once_each_way(zoo: Zoo, tmp_path: Path) -> None:
    assert zoo.look("migrate", "--plan")[0] == 0
    zoo.migrate()
    clean(zoo)
    for arguments in (
        ["history"],
        ["showmigrations"],
        ["migrate", "--plan"],
        ["migrate", "--check"],
        ["verify", "--sql"],
    ):
        assert zoo.look(*arguments)[0] == 0
    status, output = zoo.look("exportsql", output=tmp_path / "sql", rollback=True)
    assert status == 0, output
    assert "plain_objects.0002_animals cannot be written as SQL: it runs Python" in output
    zoo.migrate("chat", "0003")
    for app in zoo.apps:
        zoo.migrate(app, "zero")
    clean(zoo)
    zoo.migrate()
    clean(zoo)


def test_drift_in_tables_of_other_apps_is_found_and_repaired(migrated_zoo: Zoo) -> None:
    zoo, kinds = migrated_zoo, DRIFT | (ON_POSTGRESQL if VENDOR == "postgresql" else {})
    clean(zoo)  # nothing is found that is not there
    for statements in kinds:
        zoo.execute(statements.split("; "))
    status, output = zoo.look("verify", as_json=True)
    facts = json.loads(output[: output.rindex("}") + 1])
    found = [one["object"] for one in facts["differences"]]
    assert (status, sorted(found)) == (1, sorted(kinds.values()))
    zoo.execute([sql for one in facts["differences"] for sql in one["repair"]])
    clean(zoo)


def test_what_was_applied_before_recording_is_taken_as_found(migrated_zoo: Zoo) -> None:
    """As `django-admin migrate` leaves it: then nothing is known of other people's migrations."""
    zoo = migrated_zoo
    zoo.execute(["UPDATE schema_migration_runs SET changes = NULL"])
    status, output = zoo.look("verify")
    assert status == 0
    assert "plain_objects.0001_initial: applied before its changes were recorded" in output
    zoo.migrate("chat", "0003")  # the first change takes the rest as found
    zoo.execute(["ALTER TABLE plain_objects_animal ADD COLUMN extra integer"])
    clean(zoo)
    zoo.execute(["DROP TABLE plain_objects_animal"])
    status, output = zoo.look("verify")
    assert status == 1
    assert output.startswith("table plain_objects_animal: expected a plain table; found missing")


def test_run_that_died_before_it_was_recorded_is_taken_as_found(zoo: Zoo) -> None:
    zoo.migrate("plain_objects", "0001")
    with zoo.killed_at("UPDATE schema_migration_runs SET outcome"):
        zoo.run("migrate", "plain_objects", interactive=False)
    zoo.migrate()
    clean(zoo)
    assert "plain_objects.0002_animals: applied before" in zoo.look("verify")[1]


def test_target_within_a_squash_is_what_django_makes_of_it(zoo: Zoo, tmp_path: Path) -> None:
    """Both commands migrate a database of their own where the first of three parts is applied."""
    options: dict[str, Any] = {"verbosity": 0, "interactive": False}
    loader = MigrationLoader(None, replace_migrations=False)
    part = loader.project_state(("squashed", "0001_initial"))
    with new_database(tmp_path) as other:
        for database in (zoo.database, other):
            with database.connection.schema_editor() as editor:
                editor.create_model(part.apps.get_model("squashed", "Bench"))
            MigrationRecorder(database.connection).record_applied("squashed", "0001_initial")
        for target in ("0002", "0003", "0002"):
            call_command(migrate.Command(), "squashed", target, database=other.alias, **options)
            status, output = zoo.run(
                "migrate", "squashed", target, accept_data_loss=True, **options
            )
            assert status == 0, output
            applied = MigrationRecorder(other.connection).applied_migrations()
            own = {key for key in zoo.applied() if key[0] == "squashed"}
            assert own == {key for key in applied if key[0] == "squashed"}
            assert columns(zoo.database) == columns(other)


def test_target_that_a_squash_replaces_is_named(zoo: Zoo) -> None:
    assert zoo.run("migrate", "squashed", "0002") == (
        1,
        "squashed.0002_benches is part of squashed.0001_squashed_0003_colour, which replaces it.\n"
        "Nothing was changed. Name that one, or one before or after it.",
    )


def columns(database: Database) -> list[str]:
    with database.connection.cursor() as cursor:
        introspection = database.connection.introspection
        if "squashed_bench" not in introspection.table_names(cursor):
            return []
        return [one.name for one in introspection.get_table_description(cursor, "squashed_bench")]


@pytest.mark.engines("postgresql")
def test_killed_concurrent_migrations_converge_or_say_what_to_do(
    migrated_zoo: Zoo,
) -> None:
    """No look runs their code; the killed build left an invalid index behind."""
    zoo = migrated_zoo
    zoo.migrate("concurrent_index", "0001")
    with zoo.killed_at("CREATE INDEX CONCURRENTLY"):
        zoo.run("migrate", "concurrent_index", interactive=False)
    zoo.execute(
        [
            "CREATE INDEX path_name ON concurrent_index_path (name)",
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'path_name'::regclass",
        ]
    )
    zoo.migrate("concurrent_sql", "0001")
    with zoo.killed_at('INSERT INTO "django_migrations"'):
        zoo.run("migrate", "concurrent_sql", interactive=False)
    for arguments in (["verify"], ["migrate", "--plan"], ["history"]):
        assert zoo.look(*arguments)[0] == 0
    zoo.migrate("concurrent_index")
    with zoo.database.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
        assert cursor.fetchone() == (0,)
    status, output = zoo.run("migrate", "concurrent_sql", interactive=False)
    assert status == 1
    assert output.splitlines()[-2:] == [
        "What it had finished remains; the migrations before it are done.",
        "An interrupted run has probably made it, and nothing tells how far that run came. Compare"
        " the file of concurrent_sql.0002_index with the database. Undo the part that was done and"
        " run migrate again, or complete it and run `python manage.py migrate --fake"
        " concurrent_sql 0002_index`.",
    ]
    zoo.execute(["DROP INDEX gate_name"])
    zoo.migrate()
    clean(zoo)


@pytest.mark.engines("postgresql")
def test_concurrent_build_outwaits_other_sessions(migrated_zoo: Zoo) -> None:
    """To give way would leave an invalid index behind, and the next attempt would meet it."""
    zoo = migrated_zoo
    zoo.migrate("concurrent_sql", "0001")
    with psycopg.connect(zoo.database.url) as writer:
        writer.execute("LOCK TABLE concurrent_sql_gate IN ROW EXCLUSIVE MODE")
        commits = threading.Thread(target=commit_when_waited_for, args=(writer, zoo.database.url))
        commits.start()
        zoo.migrate()
        commits.join()
    with zoo.database.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
        assert cursor.fetchone() == (0,)


def commit_when_waited_for(writer: "psycopg.Connection[Any]", url: str) -> None:
    """Commit once a build has waited for longer than the site may be held up."""
    with psycopg.connect(url, autocommit=True) as other:
        while not other.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND query LIKE 'CREATE INDEX CONCURRENTLY%'"
            " AND clock_timestamp() - query_start > '0.5 s'"
        ).fetchone():
            sleep(0.05)
    writer.commit()
