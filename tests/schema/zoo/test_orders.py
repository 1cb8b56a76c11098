"""One order of commands beside other people's apps; `python -m tests.faults.orders` finds more."""

from pathlib import Path

import pytest

from tests.faults.orders import live
from tests.schema.zoo.conftest import Zoo


@pytest.mark.engines("postgresql", "older")
def test_no_look_acts_whatever_came_before(migrated_zoo: Zoo, tmp_path: Path) -> None:
    """`migrate` and `look` count the calls of each code and compare the whole database."""
    live(
        migrated_zoo,
        [
            ("migrate", ["plain_objects", "zero"]),
            ("look", ["verify"]),
            ("kill", ["INSERT INTO schema_migration_runs"]),
            ("look", ["exportsql"]),
            ("kill", ["UPDATE schema_migration_runs SET outcome"]),
            ("look", ["migrate", "--plan"]),
            ("migrate", ["chat", "0003"]),
            ("look", ["history"]),
            ("migrate", []),
        ],
        tmp_path,
    )
