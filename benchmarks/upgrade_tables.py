"""The tables that `benchmarks.upgrade` prints."""

from typing import Any

from benchmarks.databases import table

SHOWN = ("p50", "p99", "p99.9", "longest")
ALSO_BY_HAND = {
    "personas.0002_multi_persona",
    "threads.0001_threads",
    "chat.0002_thread_link",
    "chat.0003_thread_backfill",
    "chat.0004_thread_index",
}
"""The stages whose work the hand-run SQL does too."""
SHORT_STAGE = 0.05
"""Seconds below which a stage is shown with the others."""


def printed(reports: list[dict[str, Any]]) -> str:
    """Return the figures as a table."""
    head = ["meanwhile", "seconds", "messages/s"]
    waits = [(kind, what) for kind in ("write", "read") for what in SHOWN]
    head += [f"{kind} {what} ms" for kind, what in waits]
    rows = [
        [one["way"], f"{one['seconds']:.1f}", f"{one['messages_a_second']:,}"]
        + [str(one[kind][what]) for kind, what in waits]
        for one in reports
    ]
    return table(head, rows)


def stages(reports: list[dict[str, Any]]) -> str:
    """Return the seconds of each stage of each `migrate`, and their sums, as a table."""
    runs = {one["way"]: one for one in reports if "stages" in one}
    by_hand = next((one["seconds"] for one in reports if one["way"] == "one transaction"), None)
    names = list(next(iter(runs.values()))["stages"])
    long = [n for n in names if any(one["stages"][n] >= SHORT_STAGE for one in runs.values())]
    rows = [[name, *(f"{one['stages'][name]:.2f}" for one in runs.values())] for name in long]

    def total(title: str, chosen: set[str]) -> None:
        sums = [sum(one["stages"][name] for name in chosen) for one in runs.values()]
        rows.append([title, *(f"{value:.2f}{share(value)}" for value in sums)])

    def share(value: float) -> str:
        return f" ({value / by_hand:.2f} x)" if by_hand else ""

    total("shorter stages", set(names) - set(long))
    total("what the hand-run SQL does too", ALSO_BY_HAND)
    whole = [one["seconds"] for one in runs.values()]
    rows.append(["everything", *(f"{value:.2f}{share(value)}" for value in whole)])
    return table(["stage", *(f"{way}, s" for way in runs)], rows)
