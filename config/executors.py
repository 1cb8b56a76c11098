"""A few threads that many requests share."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Lane(ThreadPoolExecutor):
    """One thread that knows how many calls wait for it."""

    def __init__(self, name: str) -> None:
        super().__init__(max_workers=1, thread_name_prefix=name)
        # Counted apart: the event loop's thread adds to one, the lane's to the other.
        self.submitted = 0
        self.done = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call; it counts as waiting until it is done."""
        self.submitted += 1
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(self._count)
        return future

    @property
    def waiting(self) -> int:
        """Return how many calls are queued or running."""
        return self.submitted - self.done

    def _count(self, _: Future[Any]) -> None:
        self.done += 1


class Lanes:
    """A fixed number of single threads, each with its own database connection."""

    def __init__(self, count: int, name: str) -> None:
        self.lanes = [Lane(f"{name}-{number}") for number in range(count)]

    def freest(self) -> Lane:
        """Return the lane with the least to do, the next in turn among equals."""
        lane = min(self.lanes, key=lambda one: one.waiting)
        self.lanes.remove(lane)
        self.lanes.append(lane)
        return lane
