"""The structure of the project; `lint-imports` checks the floors between packages."""

import ast
from io import StringIO
from pathlib import Path

import grimp
import pytest
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

from schema.operations import RERUNNABLE
from tests.conftest import Database

pytestmark = pytest.mark.engines("any")

ROOT = Path(__file__).parent.parent
APPS = ["users", "personas", "threads", "chat", "api"]
PACKAGES = ["config", "schema", "legacy", "uploads", *APPS]
# The paths and arguments of these never change, so migrations may import them.
MIGRATIONS_MAY_IMPORT = {"schema.operations", "schema.functions"}
DYNAMIC = {"import_module", "__import__"}
LONGEST = 300  # lines
# What Django expects at the top of an app, beside the sixteen names of docs/architecture.md.
DJANGO = {"__init__", "apps", "management", "migrations", "templates"}


def source_files(package: str) -> list[Path]:
    files = [path for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]
    assert files
    return files


def test_no_module_imports_itself_through_others() -> None:
    """Imports inside functions and under TYPE_CHECKING count."""
    graph = grimp.build_graph(PACKAGES[0], *PACKAGES[1:], cache_dir=None)
    left = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert len(left) > 100
    # A module that imports none of the rest, or that none of the rest imports, is in no cycle.
    while free := {name for name, imported in left.items() if not imported & left.keys()}:
        left = {name: imported for name, imported in left.items() if name not in free}
    while free := left.keys() - {name for imported in left.values() for name in imported}:
        left = {name: imported for name, imported in left.items() if name not in free}
    assert {name: sorted(imported & left.keys()) for name, imported in left.items()} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_are_short(package: str) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in source_files(package)}
    too_long = {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > LONGEST}
    assert too_long == {}


def test_schema_has_at_most_sixteen_entries() -> None:
    entries = {path.stem for path in (ROOT / "schema").iterdir() if path.name != "__pycache__"}
    assert len(entries - DJANGO) <= 16, sorted(entries - DJANGO)


def test_migrations_import_only_operations_and_functions() -> None:
    files = [path for app in [*APPS, "schema"] for path in (ROOT / app / "migrations").glob("*.py")]
    assert len(files) > len(APPS)
    offenders = {
        str(path.relative_to(ROOT)): names
        for path in files
        if (names := project_imports(path.read_text()) - MIGRATIONS_MAY_IMPORT)
    }
    assert offenders == {}


def project_imports(source: str) -> set[str]:
    """Return the modules of this project that `source` imports, and dynamic imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
        else:
            name = getattr(node, "id", getattr(node, "attr", ""))
            names |= {name} & DYNAMIC
    return {name for name in names if name.split(".")[0] in {"", "tests", *PACKAGES, *DYNAMIC}}


@pytest.mark.parametrize(
    "source",
    [
        "import chat.models",
        "from chat.models import ChatMessage",
        "from . import other",
        "from importlib import import_module\nimport_module(name)",
        "import importlib\nimportlib.import_module(name)",
        "__import__(name)",
    ],
)
def test_every_way_to_import_is_noticed(source: str) -> None:
    assert project_imports(source) - MIGRATIONS_MAY_IMPORT


def test_nonatomic_migrations_can_be_rerun() -> None:
    loader = MigrationLoader(None)
    ours = [loader.disk_migrations[key] for key in loader.disk_migrations if key[0] in APPS]
    assert ours
    offenders = {
        f"{migration}: {operation.describe()}"
        for migration in ours
        if not migration.atomic
        for operation in migration.operations
        if not isinstance(operation, RERUNNABLE)
    }
    assert offenders == set()


def test_sql_of_every_migration_can_be_shown(empty_database: Database) -> None:
    """Django's sqlmigrate reads the graph without replacing migrations."""
    ours = [key for key in MigrationLoader(None).disk_migrations if key[0] in {*APPS, "schema"}]
    assert len(ours) > 20
    for app, name in ours:
        call_command("sqlmigrate", app, name, database=empty_database.alias, stdout=StringIO())
