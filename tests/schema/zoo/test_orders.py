"""Every command in every order, beside other people's apps."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker

from tests.conftest import new_database
from tests.schema.zoo.conftest import EVERYWHERE, as_default, clean

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

steps = st.one_of(
    st.sampled_from(LOOKS).map(lambda arguments: ("look", arguments)),
    st.sampled_from(TARGETS).map(lambda arguments: ("migrate", arguments)),
    st.sampled_from(KILLS).map(lambda statement: ("kill", [statement])),
)


@pytest.mark.engines("postgresql")
@settings(
    max_examples=2,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
@given(life=st.lists(steps, min_size=3, max_size=6))
def test_no_order_makes_a_look_act(
    django_db_blocker: DjangoDbBlocker, life: list[tuple[str, list[str]]]
) -> None:
    """`migrate` and `look` count the calls of each code and compare the whole database."""
    folder = Path(tempfile.mkdtemp())
    try:
        with django_db_blocker.unblock(), new_database(folder) as database:
            for zoo in as_default(database):
                zoo.migrate()
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
    finally:
        shutil.rmtree(folder)
