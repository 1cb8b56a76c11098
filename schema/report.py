"""The output of a command: prose for people, JSON for machines, and its exit code."""

import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.management.base import OutputWrapper
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

ERASE_LINE = "\r\033[K"


class ExitCode(enum.IntEnum):
    """The exit codes of `migrate` and `verify`; docs/operating.md lists them."""

    FAILED = 1
    """No connection, a problem found beforehand, or a failed migration."""
    DIFFERENT = 1
    """`verify`: the database differs from what the applied migrations make."""
    NOT_CHECKED = 2
    """`verify`: the comparison was not possible."""
    LOCKED = 3
    """Another migrate ran for longer than --lock-timeout."""
    BUSY = 4
    """Other sessions held the locks that a migration needs for longer than --patience."""
    REFUSED = 5
    """A rollback would lose data, and nobody confirmed it."""
    EDITED = 6
    """With --strict: the file of an applied migration was edited."""
    STOPPED = 130
    """Interrupted from the keyboard; by convention 128 and the number of the signal."""


@dataclass(frozen=True)
class Problem:
    """Something that prevents a command from going on, and what to do about it."""

    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text}\n      {self.remedy}"


class Report:
    """Write each event as a line of prose, or as one JSON object a line.

    An event has a name and facts, which JSON shows, and a text, which people see. With JSON,
    nothing but these lines reaches the output.
    """

    def __init__(self, out: OutputWrapper, *, as_json: bool = False, quiet: bool = False) -> None:
        self.out = out
        self.as_json = as_json
        self.quiet = quiet
        self._transient = False

    def write(
        self, event: str, text: str = "", *, style: Callable[[str], str] = str, **facts: Any
    ) -> None:
        """Write `event`; a `text` of several lines stays together."""
        try:
            self._write_event(event, text, style, facts)
        except BrokenPipeError:  # the reader has gone; the migration continues
            self.as_json, self.quiet = False, True

    def _write_event(
        self, event: str, text: str, style: Callable[[str], str], facts: dict[str, Any]
    ) -> None:
        if self.as_json:
            line = {"event": event, "time": timezone.now(), **facts}
            self.out.write(json.dumps(line, cls=DjangoJSONEncoder))
        elif text and not self.quiet:
            self._erase()
            self.out.write(text, style)
        self.out.flush()

    def status(self, text: str) -> None:
        """Show the current activity, on a terminal only; the next event replaces it."""
        if self.as_json or self.quiet or not self.out.isatty():
            return
        self._erase()
        self.out.write(text, ending="")
        self.out.flush()
        self._transient = True

    def _erase(self) -> None:
        if self._transient:
            self.out.write(ERASE_LINE, ending="")
            self._transient = False


def duration(seconds: float) -> str:
    """Return a duration for people: 12 ms, 3.4 s, 2 min 5 s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
