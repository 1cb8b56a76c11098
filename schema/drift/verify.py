"""Whether a database is what its applied migrations should have made."""

from dataclasses import dataclass, field

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from schema.drift.compare import Difference
from schema.drift.data_checks import broken
from schema.drift.expected import expected_catalog
from schema.drift.repair import differences
from schema.history.runs import History, Outcome
from schema.introspection.read import read_catalog


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

    unfinished: list[str] = field(default_factory=list)
    """A run of them is going on, or was killed."""

    @property
    def all_differences(self) -> list[Difference]:
        """Return those of the rows before those of the schema, whose keys need sound rows."""
        return [*self.data, *self.differences]


def verify(connection: BaseDatabaseWrapper, *, data: bool = False) -> Verification:
    """Compare the database with its applied migrations; with `data`, look at every row too.

    Raises:
        CatalogError: it could not be found out.
        django.db.Error: likewise.
    """
    loader = MigrationLoader(connection)
    applied = set(loader.applied_migrations)
    here = {
        key: migration
        for key, migration in sorted(loader.graph.nodes.items())
        if migration is not None
    }
    result = Verification(
        applied=len(applied),
        unapplied=[_name(key) for key in here if key not in applied],
        unknown=[
            _name(key) for key in sorted(applied - set(loader.disk_migrations) - _replaced(loader))
        ],
    )
    if not applied:
        read_catalog(connection)  # to say so where there is no schema to look into
        return result
    # The live schema is read after the scratch one was built: what a migrate that runs at
    # this moment has recorded, it has made.
    expected = expected_catalog(connection, applied)
    result.tables = len(expected.tables)
    result.differences = differences(expected, read_catalog(connection))
    migrations = [migration for key, migration in here.items() if key in applied]
    history = History(connection)
    result.edited = [_name((one.app_label, one.name)) for one in history.edited(migrations)]
    result.unfinished = [
        _name((run.app, run.name)) for run in history.past() if run.outcome == Outcome.RUNNING
    ]
    if data:
        result.data = broken(connection, expected, applied)
    return result


def _name(key: tuple[str, str]) -> str:
    return f"{key[0]}.{key[1]}"


def _replaced(loader: MigrationLoader) -> set[tuple[str, str]]:
    """Return the migrations that another one replaces; their files may be gone."""
    return {key for one in loader.replacements.values() for key in one.replaces}
