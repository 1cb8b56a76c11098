"""What an adoption says, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schema.adoption.assess import Survey
from schema.adoption.match_step import Recognised
from schema.adoption.obstacles import Obstacle
from schema.drift.migration_state import MigrationState

SHOWN = 8
"""How many lacking things a step lists before it only counts them."""


def found(survey: Survey) -> Iterator[str]:
    """Yield the lines that say what is there and what will be done."""
    yield "This database was migrated by hand. What was found:"
    for name, count in survey.rows.items():
        yield f"  {name}: {count:,} row{'s' if count != 1 else ''}"
    yield "Steps:"
    for step in survey.steps:
        yield from _step(step)
    yield from _claims(survey)
    others = [
        ("tables", survey.foreign_tables),
        ("columns", survey.foreign_columns),
        ("other things", survey.foreign_objects),
    ]
    for what, names in others:
        if names:
            yield f"Left alone, these {what} are not this project's: {', '.join(names)}"
    if survey.keys:
        yield (
            "The keys are whole numbers. They become UUIDs, every link with them, in one"
            " transaction during which nobody can read or write these columns' tables:"
        )
        yield f"  {', '.join(survey.keys)}"
        yield "  Stop the old backend before and start it again after: it remembers the numbers."
    if survey.spelled:
        yield (
            "Keys and links that are text become the UUIDs they spell, in one transaction during"
            " which nobody can read or write these columns' tables:"
        )
        yield f"  {', '.join(survey.spelled)}"
    if survey.conversions:
        yield "Columns that get another type, under a lock while the table is written anew:"
        yield from (f"  {one}" for one in survey.conversions)
    if survey.repairs:
        yield "Repairs, by kind (nothing is deleted; quarantined rows are kept whole):"
        for kind, rows in survey.repairs:
            yield f"  {kind}: {'counted when it is done' if rows is None else f'{rows:,}'}"


def facts(survey: Survey) -> dict[str, Any]:
    """Return the same for machines."""
    return {
        "rows": survey.rows,
        "steps": {
            f"{step.key[0]}.{step.key[1]}": {"state": str(step.state), "lacking": step.lacking()}
            for step in survey.steps
        },
        "claims": None
        if survey.claims is None
        else [
            {
                "file": one.file,
                "at": one.moment,
                "true": one.true and not one.lacking,
                "lacking": one.lacking,
            }
            for one in survey.claims
        ],
        "not_ours": [
            *survey.foreign_tables,
            *survey.foreign_columns,
            *survey.foreign_objects,
        ],
        "keys": [*survey.keys, *survey.spelled],
        "conversions": survey.conversions,
        "repairs": dict(survey.repairs),
        "obstacles": [{"what": one.what, "remedy": one.remedy} for one in survey.obstacles],
    }


def refusal(obstacles: list[Obstacle]) -> str:
    """Return why nothing was changed, and what to do about each reason."""
    lines = ["The database was made by other means and cannot be taken over as it is."]
    for number, one in enumerate(obstacles, 1):
        lines += [f"{number}. {one.what}", f"   {one.remedy}"]
    lines.append("Nothing was changed. Run migrate again when that is settled.")
    return "\n".join(lines)


def summary(counts: Mapping[str, int]) -> list[str]:
    """Return the lines that say what was done to rows."""
    done = [f"  {kind}: {count:,}" for kind, count in counts.items() if count]
    if not done:
        return ["Adopted without a change to any row."]
    return ["Adopted, with these repairs:", *done]


def _step(step: Recognised) -> Iterator[str]:
    name = ".".join(step.key)
    if step.state is MigrationState.APPLIED:
        yield f"  {name}: complete; it is recorded as it is"
    elif step.state is MigrationState.ABSENT:
        yield f"  {name}: absent; it is run"
    elif step.state is MigrationState.DATA_ONLY:
        yield f"  {name}: changes rows only; it is run"
    else:
        lacking = step.lacking()
        more = f", and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        yield f"  {name}: partial; to be made or mended: {', '.join(lacking[:SHOWN])}{more}"


def _claims(survey: Survey) -> Iterator[str]:
    if survey.claims is None:
        yield f"There is no {survey.history}: nothing is claimed."
        return
    for claim in survey.claims:
        when = f" at {claim.moment:%Y-%m-%d %H:%M:%S} UTC" if claim.moment else ""
        truth = "and that is so"
        if not claim.true:
            truth = "but nothing of it is there: it is run"
        elif claim.lacking:
            truth = f"but not all of it is there: {', '.join(claim.lacking)}"
        yield f"{survey.history} says that {claim.file} was run{when}, {truth}."
    if not survey.claims:
        yield f"{survey.history} is empty: nothing is claimed."
    if survey.unknown_files:
        yield f"{survey.history} names files unknown here: {', '.join(survey.unknown_files)}"
