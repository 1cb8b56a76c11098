"""A database that is Django's default one, with the apps of the zoo installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import override_settings
from pytest_django import DjangoDbBlocker

from schema.models import MigrationKey
from tests.conftest import Database, new_database
from tests.engine import VENDOR
from tests.schema.zoo.calls import CALLS

EVERYWHERE = [
    "data_only",
    "historical_model",
    "intruder",
    "not_atomic",
    "plain_connection",
    "plain_objects",
    "separate_state",
    "squashed",
    "swappable",
]
POSTGRESQL = ["concurrent_index", "concurrent_sql", "named_schema"]
EXTENSIONS = {"trigram": "pg_trgm", "case_insensitive": "citext", "key_value": "hstore"}
CODE = {
    ("concurrent_index", "0002_index"): True,
    ("data_only", "0001_first"): True,
    ("data_only", "0002_second"): False,
    ("historical_model", "0002_keepers"): True,
    ("not_atomic", "0001_initial"): True,
    ("plain_connection", "0002_cages"): True,
    ("plain_objects", "0002_animals"): True,
    ("squashed", "0001_squashed_0003_colour"): True,
}
"""The migrations that run Python, and whether their way back does."""


@dataclass
class Zoo:
    """A project with other people's apps; its database is the default one."""

    database: Database
    apps: list[str]

    def run(self, command: str, *arguments: str, **options: Any) -> tuple[int, str]:
        """Run a command; return its exit code and its output, or its error."""
        out = StringIO()
        try:
            call_command(command, *arguments, stdout=out, no_color=True, **options)
        except CommandError as error:
            return error.returncode, f"{out.getvalue()}{error}"
        except SystemExit as error:
            return int(str(error.code or 0)), out.getvalue()
        return 0, out.getvalue()

    def migrate(self, *arguments: str, **options: Any) -> str:
        """Run `migrate`, which has to succeed, and check that code was called as often as due."""
        before, calls = self.applied(), CALLS.copy()
        status, output = self.run(
            "migrate", *arguments, interactive=False, accept_data_loss=True, **options
        )
        assert status == 0, output
        after = self.applied()
        due = {(key, "forwards") for key in CODE.keys() & (after - before)} | {
            (key, "backwards")
            for key, has_way_back in CODE.items()
            if has_way_back and key in before - after
        }
        called = CALLS - calls
        assert called == {(".".join(key), way): 1 for key, way in due}
        return output

    def look(self, command: str, *arguments: str, **options: Any) -> tuple[int, str]:
        """Run a command that only inspects; no code is called and no row is changed."""
        before, calls = self.content(), CALLS.copy()
        result = self.run(command, *arguments, **options)
        assert calls == CALLS
        assert self.content() == before
        return result

    def execute(self, statements: list[str]) -> None:
        """Run statements as somebody with a shell does."""
        with self.database.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    @contextmanager
    def killed_at(self, beginning: str) -> Iterator[None]:
        """Let the process die before a statement that begins so is executed."""

        def die(execute: Any, sql: str, *rest: Any) -> Any:
            if sql.startswith(beginning):
                raise KilledError
            return execute(sql, *rest)

        died = False
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseDatabaseWrapper, "copy", copy_with(die))
            try:
                with connections["default"].execute_wrapper(die):
                    yield
            except KilledError:
                died = True
        assert died
        connections["default"].close()

    def applied(self) -> set[MigrationKey]:
        return set(MigrationRecorder(self.database.connection).applied_migrations())

    def content(self) -> dict[str, list[str]]:
        """Return every row of every table, and where every sequence stands."""
        connection = connections["default"]
        content: dict[str, list[str]] = {}
        with connection.cursor() as cursor:
            if VENDOR == "postgresql":
                cursor.execute(
                    "SELECT schemaname || '.' || quote_ident(tablename) FROM pg_tables"
                    " WHERE schemaname !~ '^(pg_|information_schema)' UNION ALL"
                    " SELECT schemaname || '.' || quote_ident(sequencename) FROM pg_sequences"
                )
            else:
                cursor.execute(
                    "SELECT '\"' || name || '\"' FROM sqlite_master WHERE type = 'table'"
                )
            for (name,) in cursor.fetchall():
                cursor.execute(f"SELECT * FROM {name}")
                content[name] = sorted(map(repr, cursor.fetchall()))
        return content


class KilledError(BaseException):
    """The process died here."""


def copy_with(wrapper: Any) -> Any:
    """Return `BaseDatabaseWrapper.copy` with a wrapper around what the copy executes."""
    original = BaseDatabaseWrapper.copy

    def copy(self: BaseDatabaseWrapper, alias: str | None = None) -> BaseDatabaseWrapper:
        connection = original(self, alias)
        connection.execute_wrappers.append(wrapper)
        return connection

    return copy


def clean(zoo: Zoo) -> None:
    """Check that `verify` is possible and finds nothing."""
    status, output = zoo.look("verify", data=True)
    assert (status, output.splitlines()[-1]) == (0, "No differences."), output


def available(database: Database) -> list[str]:
    """Return the apps of the zoo that the server at hand can hold."""
    if VENDOR == "sqlite":
        return EVERYWHERE
    with database.connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_available_extensions")
        names = {row[0] for row in cursor.fetchall()}
    return [
        *EVERYWHERE,
        *POSTGRESQL,
        *(app for app, extension in EXTENSIONS.items() if extension in names),
    ]


@pytest.fixture
def zoo(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Zoo]:
    """Make an empty database the default one, and install the zoo."""
    with django_db_blocker.unblock(), new_database(tmp_path) as database:
        yield from as_default(database)


@pytest.fixture(scope="session")
def whole_zoo(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Database]:
    """Migrate the project with the zoo once, to copy the database."""
    folder = tmp_path_factory.mktemp("zoo")
    with django_db_blocker.unblock(), new_database(folder) as database:
        for zoo in as_default(database):
            zoo.migrate()
        yield database


@pytest.fixture
def migrated_zoo(
    whole_zoo: Database, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> Iterator[Zoo]:
    """Make a database the default one that is migrated with the zoo."""
    with django_db_blocker.unblock(), new_database(tmp_path, whole_zoo) as database:
        yield from as_default(database)


def as_default(database: Database, apps: list[str] | None = None) -> Iterator[Zoo]:
    default, its_settings = connections["default"], connections.settings["default"]
    connections.settings["default"] = connections.settings[database.alias]
    del connections["default"]
    alike = Database("default", database.url)
    apps = available(alike) if apps is None else apps
    installed = [*settings.INSTALLED_APPS, *(f"tests.schema.zoo.{app}" for app in apps)]
    try:
        with override_settings(INSTALLED_APPS=installed):
            CALLS.clear()
            yield Zoo(alike, apps)
    finally:
        connections["default"].close()
        connections.settings["default"] = its_settings
        connections["default"] = default
