"""The order of the house: which room may import which."""

import ast
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader

from schema.operations import RERUNNABLE

ROOT = Path(__file__).parent.parent
ROOMS = ["users", "personas", "threads", "chat", "api"]
# The paths and arguments of these never change.
ALLOWED = {"schema.operations", "schema.functions"}
FORBIDDEN = {room: set(ROOMS[ROOMS.index(room) + 1 :]) for room in ROOMS} | {
    "schema": set(ROOMS),
    "config": {"users", "personas", "threads", "chat", "api", "tests"},
}


def imported_modules(source: str) -> set[str]:
    """Return the project's modules that `source` imports, by whatever means."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Name) and node.id in {"import_module", "__import__"}:
            names.add(node.id)
    ours = (".", "import_module", "__import__", "config", "legacy", "schema", "tests", *ROOMS)
    return {name for name in names if name.startswith(ours)}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("room", FORBIDDEN)
def test_room_imports_only_downwards(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files
    upward = {
        str(path.relative_to(ROOT)): imported(path) & FORBIDDEN[room]
        for path in files
        if imported(path) & FORBIDDEN[room]
    }
    assert upward == {}


def test_migration_imports_nothing_of_the_project_but_operations_and_functions() -> None:
    files = [path for room in [*ROOMS, "schema"] for path in (ROOT / room / "migrations").glob("*")]
    sources = {path: path.read_text() for path in files if path.suffix == ".py"}
    assert len(sources) > len(ROOMS)
    offenders = {
        str(path.relative_to(ROOT)): modules
        for path, source in sources.items()
        if (modules := imported_modules(source) - ALLOWED)
    }
    assert offenders == {}


def test_migration_outside_a_transaction_can_be_run_again() -> None:
    loader = MigrationLoader(None)
    ours = [loader.disk_migrations[key] for key in loader.disk_migrations if key[0] in ROOMS]
    assert ours
    offenders = {
        f"{migration}: {operation.describe()}"
        for migration in ours
        if not migration.atomic
        for operation in migration.operations
        if not isinstance(operation, RERUNNABLE)
    }
    assert offenders == set()
