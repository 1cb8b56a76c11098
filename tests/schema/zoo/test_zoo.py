"""Other people's apps live beside the project: no look acts, and everything can be verified."""

import json
from pathlib import Path

import pytest

from tests.schema.zoo.conftest import Zoo, clean

# What happens to a table of another app, and what differs then.
DRIFT = {
    "table dropped": (
        ["DROP TABLE plain_objects_animal"],
        {"table plain_objects_animal"},
    ),
    "column renamed": (
        ["ALTER TABLE plain_connection_cage RENAME COLUMN note TO remark"],
        {"column plain_connection_cage.note"},
    ),
    "index dropped": (["DROP INDEX plans_scale"], {"index plans.plans_scale"}),
    "column of a project's table dropped": (
        ["ALTER TABLE threads DROP COLUMN intruder"],
        {"column threads.intruder"},
    ),
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


@pytest.mark.parametrize("kind", DRIFT)
def test_drift_in_tables_of_other_apps_is_found_and_repaired(migrated_zoo: Zoo, kind: str) -> None:
    zoo = migrated_zoo
    statements, differing = DRIFT[kind]
    zoo.execute(statements)
    status, output = zoo.look("verify", as_json=True)
    facts = json.loads(output[: output.rindex("}") + 1])
    assert (status, {one["object"] for one in facts["differences"]}) == (1, differing)
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
