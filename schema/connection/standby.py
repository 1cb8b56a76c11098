"""Wait for a synchronous standby before the first change."""

import threading

import psycopg
from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.conninfo import make_conninfo

from schema.connection.connect import server_parameters
from schema.report import ExitCode, Report

REPORT_AFTER = 2.0
"""Seconds of a wait before it is reported."""


def wait_for_standby(connection: BaseDatabaseWrapper, report: Report, patience: float) -> None:
    """Try a commit that a synchronous standby confirms; wait up to `patience` seconds for it.

    With the standby away every commit of the site waits without end, and no time limit of the
    server ends that wait. A role need not be allowed to see the standbys, so a commit is tried.

    Raises:
        CommandError: No standby confirmed the commit.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('synchronous_standby_names')")
        names = cursor.fetchone()[0]
    if not names:
        return
    cancelled = threading.Event()
    with psycopg.connect(make_conninfo(**server_parameters(connection)), autocommit=True) as probe:

        def cancel() -> None:
            cancelled.set()
            probe.cancel_safe(timeout=5)

        text = f"Waiting for the synchronous standby ({names}) to confirm a commit ..."
        notice = threading.Timer(REPORT_AFTER, report.write, ["waiting_for_standby", text])
        limit = threading.Timer(max(patience, 1), cancel)
        for timer in (notice, limit):
            timer.daemon = True
            timer.start()
        try:
            probe.execute("SELECT pg_logical_emit_message(true, 'schema.standby', '')")
        finally:
            for timer in (notice, limit):
                timer.cancel()
    if cancelled.is_set():
        raise CommandError(
            f"No synchronous standby ({names}) confirms a commit, so the site cannot write either."
            f" Waited {max(patience, 1):.0f} s.\nNothing was changed. Start the standby, or correct"
            " synchronous_standby_names on the server.",
            returncode=ExitCode.BUSY,
        )
