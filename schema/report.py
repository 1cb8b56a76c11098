"""What a command says as it goes: prose for people, or JSON for machines."""

import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import OutputWrapper
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

ERASE_LINE = "\r\033[K"


class Report:
    """Writes each event as a line of prose, or as one JSON object a line.

    An event has a name and facts, which JSON shows, and a text, which people see. Nothing
    but these lines reaches the output in JSON.
    """

    def __init__(self, out: OutputWrapper, *, as_json: bool = False, quiet: bool = False) -> None:
        self.out = out
        self.as_json = as_json
        self.quiet = quiet
        self._transient = False

    def say(
        self, event: str, text: str = "", *, style: Callable[[str], str] = str, **facts: Any
    ) -> None:
        """Report `event`; a `text` of several lines stays together."""
        try:
            self._write(event, text, style, facts)
        except BrokenPipeError:  # whoever read along is gone; the migration goes on
            self.as_json, self.quiet = False, True

    def _write(
        self, event: str, text: str, style: Callable[[str], str], facts: dict[str, Any]
    ) -> None:
        if self.as_json:
            line = {"event": event, "time": timezone.now(), **facts}
            self.out.write(json.dumps(line, cls=DjangoJSONEncoder))
        elif text and not self.quiet:
            self._erase()
            self.out.write(text, style)
        self.out.flush()

    def doing(self, text: str) -> None:
        """Show what goes on now, on a terminal only; the next event takes its place."""
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
    """Return a duration as people write it: 12 ms, 3.4 s, 2 min 5 s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
