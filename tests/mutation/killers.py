"""A pytest plugin: run first the tests that noticed the latest mutants."""

import os
from pathlib import Path

import pytest

KILLERS = Path(os.environ["MUTATION_KILLERS"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests named in the file to the front, the latest first."""
    names = KILLERS.read_text().splitlines() if KILLERS.exists() else []
    rank = {name: place for place, name in enumerate(names)}
    items.sort(key=lambda item: -rank.get(item.nodeid, -1))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add a test that failed to the file."""
    if report.failed:
        with KILLERS.open("a") as killers:
            killers.write(f"{report.nodeid}\n")
