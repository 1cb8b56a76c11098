"""A fixed number of threads for the synchronous code of all requests."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class SingleThreadExecutor(ThreadPoolExecutor):
    """An executor with one thread that counts its unfinished calls."""

    def __init__(self, name: str) -> None:
        super().__init__(max_workers=1, thread_name_prefix=name)
        # Two counters without a lock: the event loop's thread writes the first, this
        # executor's thread the second.
        self.submitted = 0
        self.done = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call."""
        self.submitted += 1
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(self._count)
        return future

    @property
    def unfinished(self) -> int:
        """Return the number of calls that are queued or running."""
        return self.submitted - self.done

    def _count(self, _: Future[Any]) -> None:
        self.done += 1


class ExecutorGroup:
    """Several single-thread executors; each thread keeps its own database connection."""

    def __init__(self, count: int, name: str) -> None:
        self.executors = [SingleThreadExecutor(f"{name}-{number}") for number in range(count)]

    def least_busy(self) -> SingleThreadExecutor:
        """Return the executor with the fewest unfinished calls, in rotation among equals."""
        executor = min(self.executors, key=lambda one: one.unfinished)
        self.executors.remove(executor)
        self.executors.append(executor)
        return executor
