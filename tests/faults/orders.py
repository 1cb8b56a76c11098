"""Run every command in every order that hypothesis finds, beside other people's apps.

    TEST_ENGINE=postgresql python -m tests.faults.orders [--examples 100]

After each step no look has changed a row or called the code of a migration, `migrate` has called
each code once, and at the end `verify` finds nothing. The suite runs one order.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import hypothesis
from hypothesis import strategies as st

from tests.conftest import new_database
from tests.schema.zoo.conftest import EVERYWHERE, Zoo, as_default, clean

Life = list[tuple[str, list[str]]]

LOOKS = [
    ["history"],
    ["showmigrations"],
    ["migrate", "--plan"],
    ["migrate", "--check"],
    ["exportsql"],
    ["verify"],
]
TARGETS = [
    [],
    ["chat", "0003"],
    ["threads", "zero"],
    *([app, target] for app in EVERYWHERE for target in ("zero", "0001") if app != "squashed"),
    ["squashed", "zero"],
    ["squashed"],
]
KILLS = ["UPDATE schema_migration_runs SET outcome", "INSERT INTO schema_migration_runs"]

STEPS = st.one_of(
    st.sampled_from(LOOKS).map(lambda arguments: ("look", arguments)),
    st.sampled_from(TARGETS).map(lambda arguments: ("migrate", arguments)),
    st.sampled_from(KILLS).map(lambda statement: ("kill", [statement])),
)


def live(zoo: Zoo, life: Life, folder: Path) -> None:
    """Run the steps of a life; `migrate` and `look` check what each of them did."""
    for number, (kind, arguments) in enumerate(life):
        if kind == "migrate":
            zoo.migrate(*arguments)
        elif kind == "kill":
            zoo.migrate("not_atomic", "zero")
            with zoo.killed_at(arguments[0]):
                zoo.run("migrate", interactive=False)
        elif arguments == ["exportsql"]:
            assert zoo.look(*arguments, output=folder / f"sql{number}")[0] == 0
        else:
            zoo.look(*arguments)
    clean(zoo)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100)
    examples = parser.parse_args().examples
    tried = 0

    @hypothesis.settings(max_examples=examples, deadline=None, database=None)
    @hypothesis.given(life=st.lists(STEPS, min_size=3, max_size=8))
    def lives(life: Life) -> None:
        nonlocal tried
        tried += 1
        with (
            tempfile.TemporaryDirectory() as folder,
            new_database(Path(folder), template) as database,
        ):
            for zoo in as_default(database):
                live(zoo, life, Path(folder))

    with tempfile.TemporaryDirectory() as folder, new_database(Path(folder)) as template:
        for zoo in as_default(template):
            zoo.migrate()
        template.connection.close()
        lives()
    sys.stdout.write(f"{tried} orders; nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
