"""Data steps written as SQL, run by hand."""

import pytest
from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.batches.as_sql import batches_as_sql
from tests.schema.batches.unthreaded import step
from tests.schema.conftest import Migrated

pytestmark = pytest.mark.engines("postgresql")

PEOPLE = [
    "INSERT INTO users (id, email, name, password_hash)"
    " SELECT gen_random_uuid(), n || '@example.com', 'm' || n, '' FROM generate_series(1, 50) AS n",
]
UNDO = [
    "CREATE FUNCTION own_undo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "CREATE TRIGGER own_undo BEFORE UPDATE ON users FOR EACH ROW"
    " WHEN (OLD.name = 'm7') EXECUTE FUNCTION own_undo()",
]


def statements(connection: BaseDatabaseWrapper) -> list[str]:
    shout = step(
        table="users",
        statements=("UPDATE users SET name = upper(name) WHERE {batch} AND name LIKE 'm%'",),
        pending="name LIKE 'm%'",
    )
    return batches_as_sql(connection, shout, step(name="whisper", statements=()), backwards=False)


def test_step_by_hand_ends_when_no_row_is_pending(migrated: Migrated) -> None:
    migrated.run([*PEOPLE, *statements(migrated.database.connection)])
    with migrated.database.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM users WHERE name LIKE 'M%'")
        assert cursor.fetchone() == (50,)


def test_step_by_hand_gives_up_when_passes_change_nothing(migrated: Migrated) -> None:
    migrated.run([*PEOPLE, *UNDO])
    with pytest.raises(Error) as error:
        migrated.run(statements(migrated.database.connection))
    assert "1 rows of users are left as they were by 2 passes" in str(error.value)
    assert "A trigger or a rule of the table skips or undoes the change" in str(error.value)
    migrated.run(["DROP TRIGGER own_undo ON users", *statements(migrated.database.connection)])
