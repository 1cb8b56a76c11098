"""Compare a database with what its applied migrations should have made."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import partial

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from schema.connection.read_only import reads_only
from schema.drift.compare import Difference
from schema.drift.data_checks import broken
from schema.drift.expected import compare_with_expected
from schema.drift.repair import differences
from schema.drift.trial import TriedRepair, try_repairs
from schema.history.runs import History, Outcome
from schema.introspection.read import read_catalog
from schema.introspection.views import views_over
from schema.models import MigrationKey


@dataclass
class Verification:
    """What was found. Migrations are named app.name."""

    applied: int
    tables: int = 0
    differences: list[Difference] = field(default_factory=list)
    data: list[Difference] = field(default_factory=list)
    unapplied: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    """Their files were changed after they were applied."""
    unknown: list[str] = field(default_factory=list)
    """They are recorded as applied, but have no file here."""
    newer: list[str] = field(default_factory=list)
    """Those of them that a newer release of an app added."""
    taken_as_found: list[str] = field(default_factory=list)
    """They were applied before their changes were recorded, so what they made is not known."""
    unfinished: list[str] = field(default_factory=list)
    """A run of them is going on, or was killed."""
    not_built: str = ""
    """Why the records were compared in place of a scratch build."""
    tried: list[TriedRepair] = field(default_factory=list)
    """The SQL that repairs the differences, where it was to be tried."""

    @property
    def all_differences(self) -> list[Difference]:
        """Return those of the rows before those of the schema, whose keys need sound rows."""
        return [*self.data, *self.differences]


def verify(
    connection: BaseDatabaseWrapper, *, data: bool = False, tries: bool = False
) -> Verification:
    """Compare the database with its applied migrations; with `data`, read every row too.

    Nothing is changed and no code of a migration is run. With `tries`, the SQL that repairs the
    differences is tried and undone.

    Raises:
        CatalogError: the comparison is not possible.
        django.db.Error: likewise.
    """
    with reads_only():
        return _verify(connection, data=data, tries=tries)


def _verify(connection: BaseDatabaseWrapper, *, data: bool, tries: bool) -> Verification:
    loader = MigrationLoader(connection)
    applied = set(loader.applied_migrations)
    here = {
        key: migration
        for key, migration in sorted(loader.graph.nodes.items())
        if migration is not None
    }
    unknown = sorted(applied - set(loader.disk_migrations) - _replaced(loader))
    newer = [key for key in unknown if _is_newer(key, loader)]
    result = Verification(
        applied=len(applied),
        unapplied=[_name(key) for key in here if key not in applied],
        unknown=[_name(key) for key in unknown],
        newer=[_name(key) for key in newer],
    )
    if not applied:
        read_catalog(connection)  # raises where there is no schema to read
        return result
    expected, found = compare_with_expected(connection)
    catalog = expected.catalog(found)
    result.tables = len(catalog.tables)
    views = partial(views_over, connection)
    result.differences = differences(catalog, found, views=views)
    result.taken_as_found = [_name(key) for key in expected.taken_as_found]
    result.not_built = str(expected.not_built or "")
    if not expected.recorded_all(newer):
        # The difference may be what a newer migration made: its repair would undo that.
        result.differences = [replace(one, repair=[]) for one in result.differences]
    migrations = [migration for key, migration in here.items() if key in applied]
    history = History(connection)
    result.edited = [_name((one.app_label, one.name)) for one in history.edited(migrations)]
    result.unfinished = [
        _name((run.app, run.name)) for run in history.past() if run.outcome == Outcome.RUNNING
    ]
    if data:
        result.data = broken(connection, catalog, applied)
    if tries:
        result.tried = try_repairs(connection, result.all_differences, catalog, found)
    return result


def _name(key: MigrationKey) -> str:
    return ".".join(key)


def _is_newer(key: MigrationKey, loader: MigrationLoader) -> bool:
    """Whether the migration comes after all those of its app that have a file here."""
    names: Collection[str] = [name for app, name in loader.disk_migrations if app == key[0]]
    return bool(names) and key[1] > max(names)


def _replaced(loader: MigrationLoader) -> set[MigrationKey]:
    """Return the migrations that another one replaces; their files may be gone."""
    return {key for one in loader.replacements.values() for key in one.replaces}
