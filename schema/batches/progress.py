"""Measure and report the progress of a long data step."""

import logging
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

BAR_WIDTH = 24
LOG_EVERY = 10  # seconds between two lines in a log


@dataclass(frozen=True)
class Progress:
    """The state of a data step at one time."""

    step: str
    share: float
    """From 0 to 1, of this pass over the table."""
    rows: int
    """Changed so far, by earlier runs too."""
    rows_a_second: float
    """Of this run."""
    seconds_left: float | None
    """None while it cannot be estimated."""
    finished: bool = False

    def __str__(self) -> str:
        """Return one line."""
        text = f"{self.step}: {self.share:4.0%}, {self.rows:,} rows, {self.rows_a_second:,.0f}/s"
        if self.finished or self.seconds_left is None:
            return text
        minutes, seconds = divmod(round(self.seconds_left), 60)
        return f"{text}, {minutes}:{seconds:02} left"


@dataclass
class Lines:
    """Shows a bar on a terminal, and writes a line to a log every LOG_EVERY seconds."""

    logged_at: float = field(default_factory=time.monotonic)

    def __call__(self, progress: Progress) -> None:
        """Show the progress; an output that has gone is no reason to stop."""
        with suppress(OSError, ValueError):
            self._show(progress)

    def _show(self, progress: Progress) -> None:
        if sys.stderr.isatty():
            if progress.finished and not progress.rows:
                sys.stderr.write("\r\033[K")  # there was nothing to do
                return
            done = round(progress.share * BAR_WIDTH)
            end = "\n" if progress.finished else ""
            sys.stderr.write(f"\r\033[K  [{'#' * done}{'.' * (BAR_WIDTH - done)}] {progress}{end}")
            sys.stderr.flush()
        elif time.monotonic() - self.logged_at >= LOG_EVERY or (
            progress.finished and progress.rows
        ):
            self.logged_at = time.monotonic()
            logger.info("%s", progress)


Listener = Callable[[Progress], None]
listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
"""Called in place of the terminal or log; a command sets it for its run."""


class Clock:
    """Measures one run of a step, in one or more threads, and calls the listener."""

    def __init__(self, step: str, rows: int) -> None:
        """Start with the `rows` that earlier runs have changed."""
        self.step = step
        self.rows = self.rows_at_start = rows
        self.begin = time.monotonic()
        self.shares: dict[int, float] = {}
        self.shares_at_start: dict[int, float] = {}
        self.report = listener.get() or Lines()
        self.lock = threading.Lock()

    def pass_begins(self) -> None:
        """Start a pass, from the start of the table or where a run was interrupted."""
        self.shares, self.shares_at_start = {}, {}

    def moved(self, share: float, rows: int, part: int = 0) -> None:
        """Add `rows` changed rows; `part` has finished `share` of the pass."""
        with self.lock:
            self.shares[part] = share
            self.shares_at_start.setdefault(part, share)
            self.rows += rows
            self.report(self._now(sum(self.shares.values())))

    def done(self) -> None:
        """Report the end."""
        self.report(self._now(1.0, finished=True))

    def _now(self, share: float, *, finished: bool = False) -> Progress:
        seconds = max(time.monotonic() - self.begin, 1e-6)
        gained = share - sum(self.shares_at_start.values())
        return Progress(
            step=self.step,
            share=share,
            rows=self.rows,
            rows_a_second=(self.rows - self.rows_at_start) / seconds,
            seconds_left=seconds * (1 - share) / gained if gained > 0 else None,
            finished=finished,
        )
