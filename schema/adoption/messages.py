"""What `migrate` reports before and after an adoption, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from schema.adoption.assess import Assessment
from schema.adoption.detect import find_adoption
from schema.adoption.match_step import MatchedStep
from schema.adoption.plan import Adoption
from schema.drift.migration_state import MigrationState
from schema.introspection.catalog import CatalogError
from schema.report import Problem, Report

SHOWN = 8
"""How many missing objects of a step are listed before the others are only counted."""


def report_plan(adoption: Adoption, report: Report) -> None:
    """Report what an adoption would find, do and refuse."""
    assessment = _assess(adoption)
    _report(assessment, report)
    if assessment.problems:
        report.write("problems", _refusal(assessment.problems))


def adoption_note(connection: BaseDatabaseWrapper) -> str:
    """Return what other commands say of a database that is not adopted yet, or nothing."""
    options = {"adopt": False, "quarantine_limit": None}
    adoption = find_adoption(connection, MigrationLoader(connection), options)
    if adoption is None:
        return ""
    for doubt in adoption.doubts:
        return doubt.text
    return (
        "This database was migrated by hand and is not adopted yet: `python manage.py migrate"
        " --plan` shows what exists and what would be done."
    )


def require_no_problems(adoption: Adoption, report: Report) -> None:
    """Report what was found and what will be done, before the first change.

    Raises:
        CommandError: the database cannot be adopted as it is; nothing was changed.
    """
    assessment = _assess(adoption)
    _report(assessment, report)
    if problems := assessment.problems or adoption.trial_problems():
        raise CommandError(_refusal(problems))


def report_result(adoption: Adoption, report: Report) -> None:
    """Report how many rows each rule changed, and what of the owner's was kept."""
    counts = adoption.row_repairs.counts
    lines = [f"  {kind}: {count:,}" for kind, count in counts.items() if count]
    lines = ["Adopted, with these repairs:", *lines] if lines else ["Adopted; no row was changed."]
    lines += [f"Kept: {one}" for one in adoption.kept]
    report.write("adopted", "\n".join(lines), repairs=dict(counts), kept=adoption.kept)


def _assess(adoption: Adoption) -> Assessment:
    if problems := adoption.blocking_problems():
        raise CommandError(_refusal(problems))
    try:
        return adoption.assess()
    except CatalogError as error:
        raise CommandError(f"{error}\nNothing was changed.") from error


def _report(assessment: Assessment, report: Report) -> None:
    report.write("adoption", "\n".join(_text(assessment)), **_as_json(assessment))


def _refusal(problems: Sequence[Problem]) -> str:
    lines = ["The database was made by other means and cannot be adopted as it is."]
    for number, one in enumerate(problems, 1):
        lines += [f"{number}. {one.text}", f"   {one.remedy}"]
    lines.append("Nothing was changed. Fix these problems, then run migrate again.")
    return "\n".join(lines)


def _text(assessment: Assessment) -> Iterator[str]:
    yield "This database was migrated by hand. What was found:"
    for name, count in assessment.rows.items():
        yield f"  {name}: {count:,} row{'s' if count != 1 else ''}"
    yield "Steps:"
    for step in assessment.steps:
        yield _step(step)
    yield from _claims(assessment)
    others = [
        ("tables", assessment.foreign_tables),
        ("columns", assessment.foreign_columns),
        ("objects", assessment.foreign_objects),
    ]
    for what, names in others:
        if names:
            yield f"These {what} are not this project's and stay as they are: {', '.join(names)}"
    yield from _changes(assessment)
    yield from assessment.notes


def _changes(assessment: Assessment) -> Iterator[str]:
    if assessment.keys:
        yield (
            "The keys are whole numbers. They become UUIDs, with every foreign key to them, in one"
            " transaction during which nobody can read or write these columns' tables:"
        )
        yield f"  {', '.join(assessment.keys)}"
        yield "  Stop the old backend first and start it again afterwards: it caches the numbers."
    if assessment.text_keys:
        yield (
            "Keys and links that are text become UUIDs, in one transaction during which nobody can"
            " read or write these columns' tables:"
        )
        yield f"  {', '.join(assessment.text_keys)}"
    if assessment.conversions:
        yield "Columns that get another type, under a lock while the table is rewritten:"
        yield from (f"  {one}" for one in assessment.conversions)
    if assessment.renamed:
        yield "Columns of the owner's whose names are needed; they are kept under other names:"
        yield from (f"  {one}" for one in assessment.renamed)
    if assessment.repairs:
        yield "Repairs, by kind (nothing is deleted; quarantined rows are kept whole):"
        for kind, rows in assessment.repairs:
            yield f"  {kind}: {'counted when it is done' if rows is None else f'{rows:,}'}"


def _as_json(assessment: Assessment) -> dict[str, Any]:
    claims = assessment.claims
    return {
        "rows": assessment.rows,
        "steps": {
            f"{step.key[0]}.{step.key[1]}": {"state": str(step.state), "lacking": step.lacking()}
            for step in assessment.steps
        },
        "claims": None
        if claims is None
        else [
            {
                "file": one.file,
                "at": one.applied_at,
                "true": one.is_true and not one.lacking,
                "lacking": one.lacking,
            }
            for one in claims
        ],
        "not_ours": [
            *assessment.foreign_tables,
            *assessment.foreign_columns,
            *assessment.foreign_objects,
        ],
        "keys": [*assessment.keys, *assessment.text_keys],
        "conversions": assessment.conversions,
        "renamed": assessment.renamed,
        "repairs": dict(assessment.repairs),
        "notes": assessment.notes,
        "problems": [{"text": one.text, "remedy": one.remedy} for one in assessment.problems],
    }


def _step(step: MatchedStep) -> str:
    lacking = step.lacking()
    more = f", and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
    states: Mapping[MigrationState, str] = {
        MigrationState.APPLIED: "applied; it is recorded as it is",
        MigrationState.ABSENT: "absent; it is run",
        MigrationState.DATA_ONLY: "changes rows only; it is run",
        MigrationState.PARTIAL: "partial; to be created or repaired: "
        + ", ".join(lacking[:SHOWN])
        + more,
    }
    return f"  {'.'.join(step.key)}: {states[step.state]}"


def _claims(assessment: Assessment) -> Iterator[str]:
    table = assessment.history
    if assessment.claims is None:
        yield f"There is no {table}: nothing is recorded."
        return
    for claim in assessment.claims:
        when = f" at {claim.applied_at:%Y-%m-%d %H:%M:%S} UTC" if claim.applied_at else ""
        truth = "and that is so"
        if not claim.is_true:
            truth = "but nothing of it exists: it is run"
        elif claim.lacking:
            truth = f"but these are missing: {', '.join(claim.lacking)}"
        yield f"{table} records that {claim.file} was run{when}, {truth}."
    if not assessment.claims:
        yield f"{table} is empty: nothing is recorded."
    if assessment.unknown_files:
        yield f"{table} lists unknown files: {', '.join(assessment.unknown_files)}"
