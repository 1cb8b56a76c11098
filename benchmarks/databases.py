"""Migrated databases to measure on, and the tables that the figures are printed as."""

import atexit
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connections

from tests import postgres

ENGINES = ("postgresql", "sqlite")


def start(*engines: str) -> None:
    """Start Django with one empty, migrated database an engine; its alias is the engine's name.

    The first is also the default one. The servers end with the process.
    """
    folder = _folder()
    urls = {
        engine: postgres.start() if engine == "postgresql" else f"sqlite:///{folder}/b.sqlite3"
        for engine in engines
    }
    connect(urls[engines[0]])
    from config import environment  # after the variables are set

    for engine, url in urls.items():
        os.environ["BENCHMARK_DATABASE_URL"] = url
        fresh = environment.database("BENCHMARK_DATABASE_URL", default="")
        settings = connections.configure_settings({"default": fresh})["default"]
        connections.settings[engine] = settings
        call_command("migrate", database=engine, verbosity=0)


def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="twinthread-benchmark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def connect(url: str) -> None:
    """Start Django on the database `url`, with the settings of production but for HTTPS."""
    os.environ |= {"DEBUG": "0", "HTTPS": "0", "SECRET_KEY": "benchmark", "ALLOWED_HOSTS": "*"}
    os.environ |= {"LOG_LEVEL": "ERROR", "STATIC_ROOT": str(_folder())}
    os.environ["DATABASE_URL"] = url
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()


@contextmanager
def without_triggers(alias: str) -> Iterator[None]:
    """Take the counting triggers of chat_messages off, and put them back after."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE chat_messages DISABLE TRIGGER USER")
            yield
            cursor.execute("ALTER TABLE chat_messages ENABLE TRIGGER USER")
            return
        cursor.execute(
            "SELECT name, sql FROM sqlite_master"
            " WHERE type = 'trigger' AND tbl_name = 'chat_messages'"
        )
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
    yield
    with connection.cursor() as cursor:
        for _, sql in triggers:
            cursor.execute(sql)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are set to the right."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    lines = [
        "| " + " | ".join(_cell(text, widths[n], n) for n, text in enumerate(row)) + " |"
        for row in [head, *rows]
    ]
    rule = "|" + "|".join("-" * (w + 1) + ("-" if n == 0 else ":") for n, w in enumerate(widths))
    return "\n".join([lines[0], rule + "|", *lines[1:]])


def _cell(text: str, width: int, column: int) -> str:
    return text.ljust(width) if column == 0 else text.rjust(width)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` (0 to 1) of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """Return the middle value."""
    return statistics.median(values)
