"""How the engines share the tests."""

import pytest

from tests import __main__ as suite
from tests.engine import COLLECTED, is_in_share, share_of

pytestmark = pytest.mark.engines("sqlite", "postgresql", "older")


def test_every_test_runs_on_an_engine_that_the_suite_starts(
    pytestconfig: pytest.Config,
) -> None:
    collected = pytestconfig.stash[COLLECTED]
    engines = [share_of(check.environment["TEST_ENGINE"]) for check in suite.engines()]
    assert sorted(engines) == ["older", "postgresql", "sqlite"]
    shares = {
        engine: {name for name, of_test in collected.items() if is_in_share(of_test, engine)}
        for engine in engines
    }
    assert set().union(*shares.values()) == collected.keys()
