"""Wait for a condition."""

import time
from collections.abc import Callable

# How long to wait for what a working program does within a second. Only a failing test comes
# near it, so it leaves room for a machine that is a hundred times slower.
PATIENCE = 120  # seconds


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Return once `condition` holds.

    Raises:
        AssertionError: It does not hold within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing happened within {seconds} seconds"
        time.sleep(0.02)
