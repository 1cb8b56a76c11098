"""A migration and its record are one transaction, in both directions."""

import pytest
from django.core.management import CommandError, call_command

from schema.introspection.catalog import Catalog
from schema.introspection.read import read_catalog
from tests.conftest import Database

REFUSE = {
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION 'no record today'; END $$",
        "CREATE TRIGGER refuse BEFORE {event} ON django_migrations FOR EACH ROW"
        " WHEN ({row}.name = '{name}') EXECUTE FUNCTION refuse()",
    ],
    "sqlite": [
        "CREATE TRIGGER refuse BEFORE {event} ON django_migrations FOR EACH ROW"
        " WHEN {row}.name = '{name}' BEGIN SELECT RAISE(ABORT, 'no record today'); END",
    ],
}


def refuse_record(database: Database, event: str, name: str) -> None:
    """Let the database refuse the record of one migration."""
    row = {"INSERT": "NEW", "DELETE": "OLD"}[event]
    with database.connection.cursor() as cursor:
        for statement in REFUSE[database.connection.vendor]:
            cursor.execute(statement.format(event=event, row=row, name=name))


def tables(database: Database) -> Catalog:
    """Return the schema without the history's and the recorder's tables."""
    catalog = read_catalog(database.connection)
    kept = {table for table in catalog.tables if not table.startswith(("schema_", "django_mig"))}
    return catalog.only(kept)


@pytest.mark.parametrize(
    ("app", "before", "name"),
    [
        ("personas", ("chat", "0001"), "0002_multi_persona"),
        ("threads", ("personas", "0002"), "0001_threads"),
        ("chat", ("personas", "0001"), "0001_chat_history"),
    ],
)
def test_a_migration_that_cannot_be_recorded_changes_nothing(
    empty_database: Database, app: str, before: tuple[str, str], name: str
) -> None:
    alias = empty_database.alias
    call_command("migrate", *before, database=alias, verbosity=0)
    refuse_record(empty_database, "INSERT", name)
    unchanged = tables(empty_database)
    with pytest.raises(CommandError, match="no record today"):
        call_command("migrate", app, name, database=alias, verbosity=0)
    assert tables(empty_database) == unchanged


@pytest.mark.parametrize(
    ("app", "target", "name"),
    [("personas", "0001", "0002_multi_persona"), ("users", "0001", "0002_attempts")],
)
def test_a_rollback_whose_record_stays_changes_nothing(
    empty_database: Database, app: str, target: str, name: str
) -> None:
    alias = empty_database.alias
    call_command("migrate", app, name, database=alias, verbosity=0)
    refuse_record(empty_database, "DELETE", name)
    unchanged = tables(empty_database)
    with pytest.raises(CommandError, match="no record today"):
        call_command("migrate", app, target, database=alias, verbosity=0, accept_data_loss=True)
    assert tables(empty_database) == unchanged
