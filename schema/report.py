"""The output of a command: prose for people, JSON for machines, and its exit code."""

import enum
import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, OutputWrapper
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

NOT_WRITTEN = {errno.EBADF, errno.EIO, errno.ENOSPC}
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
    READER_GONE = 141
    """The reader of the output has gone; by convention 128 and the number of SIGPIPE."""


@dataclass(frozen=True)
class Problem:
    """Something that prevents a command from going on, and what to do about it."""

    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text}\n      {self.remedy}"


class Report:
    """Write each event as a line of prose, or as one JSON object a line.

    An event has a name and fields, which JSON shows, and a text, which people see. With JSON,
    nothing but these lines reaches the output.
    """

    def __init__(self, out: OutputWrapper, *, as_json: bool = False, quiet: bool = False) -> None:
        self.out = out
        self.as_json = as_json
        self.quiet = quiet
        self._transient = False

    def write(
        self, event: str, text: str = "", *, style: Callable[[str], str] = str, **fields: Any
    ) -> None:
        """Write `event`; a `text` of several lines stays together."""
        try:
            self._write_event(event, text, style, fields)
        except UnicodeEncodeError as error:
            plain = text.encode(error.encoding, "replace").decode(error.encoding)
            self._write_event(event, plain, style, fields)
        except (OSError, ValueError):
            # The reader has gone, or the disk is full: the migration continues without output.
            self.as_json, self.quiet = False, True

    def _write_event(
        self, event: str, text: str, style: Callable[[str], str], fields: dict[str, Any]
    ) -> None:
        if self.as_json:
            line = {"event": event, "time": timezone.now(), **fields}
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


@contextmanager
def safe_output() -> Iterator[None]:
    """Let a command end plainly whatever its output is connected to.

    Characters that the output's encoding lacks are replaced. A reader that has gone (`head`) ends
    the command with the status that a shell expects, 141; output that cannot be written for
    another reason with 1 and a sentence. A closed stdin, stdout or stderr counts as empty.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _nowhere(mode))
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        raise SystemExit(ExitCode.READER_GONE) from None
    except OSError as error:
        if error.errno not in NOT_WRITTEN or error.filename is not None:
            raise
        _discard_output()
        raise SystemExit(f"The output cannot be written: {error.strerror}") from None
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            _discard_output()


def _nowhere(mode: str) -> IO[Any]:
    return os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8")


def _discard_output() -> None:
    """Let what is still in the buffer go nowhere, so that the end of the process is silent."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = cast("Any", _nowhere("w"))


class SafeOutputCommand(BaseCommand):
    """A command whose output may be closed, full, cut off or of any encoding."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Run from the command line."""
        with safe_output():
            for name in ("stdout", "stderr"):
                wrapper = getattr(self, name)
                if wrapper._out is None:  # closed when Django made the wrapper
                    wrapper._out = getattr(sys, name)
            super().run_from_argv(argv)


def duration(seconds: float) -> str:
    """Return a duration for people: 12 ms, 3.4 s, 2 min 5 s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
