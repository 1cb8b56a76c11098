"""Render Markdown in processes with limits, so that no text blocks a request or the event loop.

Python's interpreter runs one thread at a time: a lexer's regular expression that takes a minute
would stop all requests of this process for a minute. A worker process may take a few seconds of
the processor. After that the operating system ends it, the text is rendered without colours
or shown as written, and another worker takes its place.
"""

import atexit
import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from django.utils.safestring import SafeString, mark_safe

from chat.rendering import markdown

logger = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]
WORKERS = 2
# Longer texts are shown as written.
MAX_CHARACTERS = 200_000
# Each attempt to render a text: with colours or without, and how many seconds of processor time.
ATTEMPTS = ((True, 0.5), (False, 2.0))
# A worker that does not answer for this long is ended: it was stopped, or the machine is too busy.
ANSWER_SECONDS = 20.0
# How long a caller waits for a text.
WAIT_SECONDS = 1.0
# How many texts are remembered that their callers did not wait for.
MAX_LATE = 32
# All that a worker needs of the environment; it must not know the site's secrets.
ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "TMPDIR")


class BusyError(Exception):
    """A worker could not be started or did not answer."""


class LimitError(Exception):
    """The text exceeds the limits of a worker."""


@dataclass(frozen=True)
class Rendered:
    """A text as HTML. If it is not final, the text is shown as written until it is rendered."""

    html: SafeString
    is_final: bool


def render(text: str, *, wait: float = WAIT_SECONDS) -> Rendered:
    """Return `text` as safe HTML, in the worst case as it was written.

    Args:
        text: Markdown.
        wait: How many seconds to wait. After that the text is still rendered, and the next
            call for it returns the HTML.
    """
    if len(text) > MAX_CHARACTERS:
        return Rendered(_safe(markdown.plain(text)), is_final=True)
    try:
        html = _pool.render(text, wait)
    except (BusyError, TimeoutError):
        return Rendered(_safe(markdown.plain(text)), is_final=False)
    return Rendered(_safe(html), is_final=True)


def _safe(html: str) -> SafeString:
    return mark_safe(html)  # noqa: S308 - sanitized or escaped by chat.rendering.markdown


class Pool:
    """A fixed number of threads, each with a worker process that it starts when needed."""

    def __init__(self, size: int) -> None:
        self.executor = ThreadPoolExecutor(size, thread_name_prefix="rendering")
        self.free = threading.Semaphore(size)
        self.lock = threading.Lock()
        self.first: Future[str] | None = None
        self.jobs: dict[uuid.UUID, Future[str]] = {}
        self.workers: dict[int, Worker] = {}
        atexit.register(self.close)

    def render(self, text: str, wait: float) -> str:
        """Return the HTML of a text.

        Raises:
            TimeoutError: No thread was free, or the text takes longer.
            BusyError: A worker could not be started or did not answer.
        """
        self._warm_up()
        end = time.monotonic() + wait
        key = markdown.digest(text)
        with self.lock:
            job = self.jobs.pop(key, None)
        if job is None or (job.done() and job.exception()):
            if not self.free.acquire(timeout=max(wait, 0)):
                raise TimeoutError
            job = self.executor.submit(self._run, text)
            job.add_done_callback(lambda _: self.free.release())
        try:
            return job.result(timeout=max(end - time.monotonic(), 0))
        except TimeoutError:
            self._remember(key, job)
            raise

    def _warm_up(self) -> None:
        """Start the first worker; nobody's time counts while the process starts."""
        with self.lock:
            if self.first is None:
                self.first = self.executor.submit(self._run, "")
        with contextlib.suppress(BusyError, TimeoutError):
            self.first.result(timeout=ANSWER_SECONDS)

    def _remember(self, key: uuid.UUID, job: Future[str]) -> None:
        """Keep a job that takes longer than its caller waits, instead of the oldest one."""
        with self.lock:
            if len(self.jobs) >= MAX_LATE:
                del self.jobs[next(iter(self.jobs))]
            self.jobs[key] = job

    def _run(self, text: str) -> str:
        for colours, seconds in ATTEMPTS:
            with contextlib.suppress(LimitError):
                return self._attempt(text, colours=colours, seconds=seconds)
        logger.warning("A text of %s characters takes too long to render.", len(text))
        return markdown.plain(text)

    def _attempt(self, text: str, *, colours: bool, seconds: float) -> str:
        thread = threading.get_ident()
        try:
            worker = self.workers.get(thread) or self.workers.setdefault(thread, Worker())
            return worker.render(text, colours=colours, seconds=seconds)
        except (LimitError, BusyError):
            del self.workers[thread]
            raise
        except OSError as error:
            logger.warning("No process could be started to render a text: %s", error)
            raise BusyError from error

    def close(self) -> None:
        """End the workers."""
        self.executor.shutdown(wait=False, cancel_futures=True)
        for worker in list(self.workers.values()):
            worker.end()


class Worker:
    """A process that renders one text at a time."""

    def __init__(self) -> None:
        self.is_overdue = False
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chat.rendering.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            start_new_session=True,  # Ctrl-C in a terminal is for the server alone
        )
        self.input = cast(IO[bytes], self.process.stdin)
        self.output = cast(IO[bytes], self.process.stdout)

    def render(self, text: str, *, colours: bool, seconds: float) -> str:
        """Return the HTML of a text.

        Raises:
            LimitError: The text exceeds the limits; the process has ended.
            BusyError: The process did not answer and was ended.
        """
        job = {"text": text, "colours": colours, "seconds": seconds}
        watchdog = threading.Timer(ANSWER_SECONDS, self._end_overdue)
        watchdog.daemon = True
        watchdog.start()
        answer = b""
        with contextlib.suppress(OSError):  # it has ended
            self.input.write(json.dumps(job).encode() + b"\n")
            self.input.flush()
            answer = self.output.readline()
        watchdog.cancel()
        if answer.endswith(b"\n"):
            return str(json.loads(answer))
        self.end()
        raise BusyError if self.is_overdue else LimitError

    def _end_overdue(self) -> None:
        self.is_overdue = True
        self.process.kill()

    def end(self) -> None:
        """End the process if it still runs, and close the pipes to it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.input, self.output):
            with contextlib.suppress(OSError):  # a job was not written to its end
                pipe.close()


_pool = Pool(WORKERS)
