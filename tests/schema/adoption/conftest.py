"""Old databases, made of statements."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from pytest_django import DjangoDbBlocker

from schema.adoption import plan as adoption_plan
from schema.drift.compare import find
from schema.drift.scratch import MigrationEffect, expected_steps
from schema.introspection.catalog import Catalog
from schema.introspection.read import read_catalog
from schema.models import MigrationKey
from tests.conftest import Database, new_database
from tests.schema.adoption import scripts
from tests.schema.conftest import MigratedTo

Make = Callable[[Sequence[str]], Database]
# The target of `migrate` that adopts every step of the old scripts. What comes after it is like
# any other site's, takes longer, and is part of what test_states.py runs on every state.
ADOPTED = ("chat", "0004")

OLD_INDEXES = {
    word
    for statement in [*scripts.BASE, *scripts.V2, *scripts.V3, *scripts.V4, *scripts.EARLY]
    for word in statement.split()
    if word.startswith("idx_")
}


@pytest.fixture(scope="session")
def fresh(template: tuple[Database, Catalog]) -> Catalog:
    """Return what `migrate` makes of an empty database."""
    return template[1]


@pytest.fixture(scope="session")
def adopted(stages: MigratedTo) -> Catalog:
    """Return what `migrate` makes of an empty database when it ends where an adoption does."""
    database = stages(*ADOPTED)
    catalog = read_catalog(database.connection)
    database.connection.close()
    return catalog


@pytest.fixture(scope="session")
def nothing_of_ours(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Database]:
    """Make a database to copy that has Django's own tables: they are in nobody's way."""
    folder = tmp_path_factory.mktemp("template")
    with django_db_blocker.unblock(), new_database(folder) as database:
        for app in ("schema", "auth"):
            call_command("migrate", app, database=database.alias, verbosity=0)
        database.connection.close()
        yield database


@pytest.fixture
def make(
    tmp_path: Path, nothing_of_ours: Database, django_db_blocker: DjangoDbBlocker
) -> Iterator[Make]:
    """Return what makes a database by running statements, each committing by itself."""
    with django_db_blocker.unblock(), ExitStack() as stack:

        def made(statements: Sequence[str]) -> Database:
            database = stack.enter_context(new_database(tmp_path, nothing_of_ours))
            run(database, statements)
            return database

        yield made


KNOWN: dict[tuple[str, ...], list[MigrationEffect]] = {}


@pytest.fixture(autouse=True)
def steps_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the migrations make: it is the same on every database of one server."""

    def once(
        connection: BaseDatabaseWrapper,
        plan: Sequence[Migration],
        applied: Collection[MigrationKey],
        **options: bool,
    ) -> list[MigrationEffect]:
        key = tuple(str(migration) for migration in plan)
        if key not in KNOWN:
            KNOWN[key] = expected_steps(connection, plan, applied, **options)
        return KNOWN[key]

    monkeypatch.setattr(adoption_plan, "expected_steps", once)


def run(database: Database, statements: Sequence[str]) -> None:
    with database.connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def assert_like_fresh(database: Database, fresh: Catalog) -> None:
    """Hold that nothing differs from a fresh schema, and nothing of the scripts is left over."""
    found = read_catalog(database.connection)
    assert find(fresh, found) == []
    for name, table in fresh.tables.items():
        there = found.tables[name]
        assert OLD_INDEXES & set(there.indexes) == set()
        extra = {one.name for one in there.constraints} - {one.name for one in table.constraints}
        assert extra <= {"chat_messages_persona_id_fkey"}
