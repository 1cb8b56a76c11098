"""Interrupting an adoption at any statement, in the ways that happen."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import CommandError, call_command
from django.db import Error

from tests.conftest import Database

ROOT = Path(__file__).parent.parent.parent.parent

# Runs migrate and is gone before the statement of the given number.
KILLED = """
import os, signal, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connection
left = int(sys.argv[1])
def count(execute, sql, params, many, context):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(sql, params, many, context)
with connection.execute_wrapper(count):
    call_command("migrate", verbosity=0)
"""


def migrate_until_backend_is_terminated(database: Database, number: int) -> bool:
    """Run migrate; the server ends its connection before a statement. Return whether it did."""
    left, ended = number, False

    def count(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        nonlocal left, ended
        left -= 1
        if left == -1:
            ended = True
            pid = database.connection.connection.info.backend_pid
            with psycopg.connect(database.url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        return execute(sql, params, many, context)

    try:
        with database.connection.execute_wrapper(count):
            call_command("migrate", database=database.alias, verbosity=0)
    except (CommandError, Error):
        assert ended
    finally:
        database.connection.close()
    return ended


def migrate_until_killed(database: Database, number: int) -> bool:
    """Run migrate in a process that is killed before a statement. Return whether it was."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(number)],
        cwd=ROOT,
        env=os.environ
        | {"DATABASE_URL": database.url, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode != 0
