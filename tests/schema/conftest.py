"""Databases that `migrate` has made."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import DjangoDbBlocker

from schema.batches.progress import Progress, listener
from schema.drift.compare import Difference
from schema.drift.repair import differences, script
from schema.drift.scratch import built_catalog
from schema.drift.trial import Limits, TriedRepair, try_repairs
from schema.introspection.catalog import Catalog
from schema.introspection.read import read_catalog
from schema.introspection.views import views_over
from tests.conftest import Database, new_database
from tests.schema.batches.unthreaded import fill

PATIENT = Limits(seconds=600)
"""A busy machine may take its time."""


@pytest.fixture(scope="session")
def template(
    migrated_template: Database, django_db_blocker: DjangoDbBlocker
) -> tuple[Database, Catalog]:
    """Return a migrated database to copy, and the catalog that its migrations make."""
    with django_db_blocker.unblock():
        applied = MigrationRecorder(migrated_template.connection).applied_migrations()
        catalog = built_catalog(migrated_template.connection, applied)
        migrated_template.connection.close()
    return migrated_template, catalog


@dataclass(frozen=True)
class Migrated:
    """A migrated database, and the catalog its migrations make."""

    database: Database
    expected: Catalog

    def run(self, statements: list[str]) -> None:
        """Run the statements one by one, each committing by itself."""
        with self.database.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def differences(self) -> list[Difference]:
        """Return what differs from the expected."""
        views = partial(views_over, self.database.connection)
        found = read_catalog(self.database.connection)
        return differences(self.expected, found, views=views)

    def tried(self, limits: Limits = PATIENT) -> list[TriedRepair]:
        """Try what repairs the differences; return what is refused or was not tried.

        Trying changes nothing.
        """
        before = read_catalog(self.database.connection)
        tried = try_repairs(
            self.database.connection, self.differences(), self.expected, before, limits
        )
        assert read_catalog(self.database.connection) == before
        return [one for one in tried if one.refused or one.not_tried]

    def repair(self) -> None:
        """Run the SQL that repairs what differs."""
        self.run(script(self.differences()))


@pytest.fixture
def migrated(
    template: tuple[Database, Catalog], tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> Iterator[Migrated]:
    """Make a migrated database of the test's own."""
    source, catalog = template
    with django_db_blocker.unblock(), new_database(tmp_path, source) as database:
        yield Migrated(database, catalog)


MigratedTo = Callable[[str, str], Database]


@pytest.fixture(scope="session")
def stages(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[MigratedTo]:
    """Return what migrates an empty database to a target once, to copy it."""
    made: dict[tuple[str, str], Database] = {}
    with ExitStack() as stack:

        def stage(app: str, name: str) -> Database:
            if (app, name) not in made:
                folder = tmp_path_factory.mktemp("stage")
                database = stack.enter_context(new_database(folder))
                call_command("migrate", app, name, database=database.alias, verbosity=0)
                database.connection.close()
                made[app, name] = database
            return made[app, name]

        stack.enter_context(django_db_blocker.unblock())
        yield stage


@pytest.fixture
def migrated_to(
    stages: MigratedTo, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> Iterator[MigratedTo]:
    """Return what makes a database of the test's own that is migrated to a target."""
    with django_db_blocker.unblock(), ExitStack() as stack:
        yield lambda app, name: stack.enter_context(new_database(tmp_path, stages(app, name)))


@pytest.fixture(scope="session")
def unthreaded(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Database]:
    """Make one database from before the threads to copy."""
    folder = tmp_path_factory.mktemp("unthreaded")
    with django_db_blocker.unblock(), new_database(folder) as database:
        fill(database)
        database.connection.close()
        yield database


@pytest.fixture
def messages_without_threads(
    unthreaded: Database, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> Iterator[Database]:
    """Make a database from before the threads of the test's own: three people, ROWS messages."""
    with django_db_blocker.unblock(), new_database(tmp_path, unthreaded) as database:
        yield database


@pytest.fixture
def heard() -> Iterator[list[Progress]]:
    """Return what the listener is told."""
    told: list[Progress] = []
    token = listener.set(told.append)
    yield told
    listener.reset(token)
