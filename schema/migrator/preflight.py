"""Check everything that could prevent a plan, before the first change."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import shorten

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.state import ProjectState

from schema.connection import limits, privileges
from schema.connection.connect import database_file
from schema.connection.read_only import reads_only
from schema.drift.compare import find
from schema.drift.expected import compare_with_expected
from schema.execution.executor import Plan, RecordingExecutor
from schema.introspection.catalog import CatalogError, Index
from schema.migrator.network_disk import warn_of_network_disk
from schema.migrator.taken_names import taken_names
from schema.operations import BatchedSQL
from schema.operations.indexes import dropped_index
from schema.report import Problem, Report

LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1"}
SPARE = 16 * 2**20
"""Bytes that should stay free on a disk in any case."""


def require_no_problems(
    executor: RecordingExecutor, plan: Plan, report: Report, *, own_names: bool
) -> None:
    """Report everything that prevents `plan`.

    Raises:
        CommandError: Something does.
    """
    warn_of_network_disk(executor.connection, report)
    problems = find_problems(executor, plan, own_names=own_names)
    if not problems:
        return
    lines = [f"  {number}. {problem}" for number, problem in enumerate(problems, 1)]
    report.write("problems", problems=[vars(problem) for problem in problems])
    count = "A problem stands" if len(problems) == 1 else f"{len(problems)} problems stand"
    raise CommandError("\n".join([f"{count} in the way; nothing was changed:", *lines]))


def find_problems(
    executor: RecordingExecutor, plan: Plan, *, own_names: bool = False
) -> list[Problem]:
    """Return everything that prevents `plan`; changes nothing.

    With `own_names`, tables that exist already under a name that the plan needs are the plan's own.
    """
    with reads_only():
        problems = _find_problems(executor, plan, own_names=own_names)
    if not problems and executor.connection.vendor == "postgresql":
        problems += limits.forbidden_changes(executor.connection)
    return problems


def _find_problems(executor: RecordingExecutor, plan: Plan, *, own_names: bool) -> list[Problem]:
    connection = executor.connection
    altered = altered_tables(executor, plan)
    forwards = any(not backwards for _, backwards in plan)
    problems: list[Problem] = []
    if connection.vendor == "postgresql":
        problems += privileges.missing(connection, altered, creates=forwards)
        problems += _postgresql_disk(connection, altered)
        problems += limits.publications(connection, sorted(altered | batched_tables(plan)))
    elif not connection.is_in_memory_db():  # type: ignore[attr-defined]  # SQLite's alone
        problems += _sqlite_rights(connection)
        problems += _sqlite_disk(connection)
    if not own_names:
        problems += taken_names(executor, plan)
    operations = [operation for migration, _ in plan for operation in migration.operations]
    dropped = {dropped_index(operation) for operation in operations}
    if forwards and not problems:  # the comparison needs rights of its own
        problems += _drift(executor, altered, dropped)
    return problems


def altered_tables(executor: RecordingExecutor, plan: Plan) -> set[str]:
    """Return the existing tables whose models the plan changes."""
    state: ProjectState = executor.applied_state()
    with executor.connection.cursor() as cursor:
        existing = set(executor.connection.introspection.table_names(cursor))
    tables: set[str] = set()
    for migration, _ in plan:
        for operation in migration.operations:
            name = getattr(operation, "model_name", None) or getattr(operation, "name", "")
            model = state.models.get((migration.app_label, str(name).lower()))
            if model is not None:
                default = f"{migration.app_label}_{model.name_lower}"
                tables.add(str(model.options.get("db_table") or default))
    return tables & existing


def batched_tables(plan: Plan) -> set[str]:
    """Return the tables whose rows the plan changes in batches."""
    return {
        operation.table
        for migration, _ in plan
        for operation in migration.operations
        if isinstance(operation, BatchedSQL)
    }


def _postgresql_disk(connection: BaseDatabaseWrapper, altered: set[str]) -> Iterator[Problem]:
    """Compare the disk with the tables that change, where the server is on this machine.

    A migration writes each row of a table at most once more.
    """
    host = str(connection.settings_dict.get("HOST") or "")
    if host not in LOCAL_HOSTS and not host.startswith("/"):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_has_role('pg_read_all_settings', 'USAGE')")
        if not cursor.fetchone()[0]:
            return
        cursor.execute(
            "SELECT current_setting('data_directory'),"
            " coalesce(sum(pg_total_relation_size(oid)), 0)"
            " FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace"
            " AND relname = ANY (%s)",
            [sorted(altered)],
        )
        folder, size = cursor.fetchone()
    # A server in a container is on this host but not in this file system.
    if os.access(folder, os.X_OK):
        yield from _space(Path(folder), int(size))


def _sqlite_rights(connection: BaseDatabaseWrapper) -> Iterator[Problem]:
    """Check the file; opening it has shown that its folder is writable."""
    file = database_file(connection)
    if file.exists() and not os.access(file, os.W_OK):
        yield Problem(f"The file {file} may not be written.", "Correct its permissions or owner.")


def _sqlite_disk(connection: BaseDatabaseWrapper) -> Iterator[Problem]:
    """Compare the disk with the file: tables are rebuilt, and the journal holds them again."""
    file = database_file(connection)
    size = file.stat().st_size if file.exists() else 0
    yield from _space(file.absolute().parent, size)


def _space(
    folder: Path, size: int, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage
) -> Iterator[Problem]:
    _, _, free = usage(folder)
    if free < size + SPARE:
        yield Problem(
            f"The disk of {folder} has {free // 2**20} MiB left;"
            f" up to {(size + SPARE) // 2**20} MiB may be needed.",
            "Free space first.",
        )


def _drift(executor: RecordingExecutor, altered: set[str], dropped: set[str]) -> Iterator[Problem]:
    """Find what earlier migrations created in these tables and what is missing now.

    Indexes that the plan drops need not be there: an interrupted run leaves them out.
    """
    if not altered:
        return
    try:
        expected, found = compare_with_expected(executor.connection)
    except CatalogError:
        return  # the plan may need fewer rights than the comparison
    for finding in find(expected.catalog(found).only(altered), found):
        if isinstance(finding.expected, Index) and finding.expected.name in dropped:
            continue
        if finding.table in altered and (finding.kind == "column" or finding.found is None):
            one = finding.difference([])
            yield Problem(
                f"The {one.object} is not as the applied migrations made it:"
                f" expected {shorten(one.expected, 120)}, found {shorten(one.found, 120)}.",
                "`python manage.py verify` prints the SQL that repairs it.",
            )
