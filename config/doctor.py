"""Find out what prevents the site from working, and say what to do: `manage.py doctor`."""

from __future__ import annotations

import enum
import io
import shutil
import smtplib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core import checks as system_checks
from django.core.mail import get_connection
from django.core.management.base import CommandError, OutputWrapper
from django.db import Error, connection
from django.db.models import Max
from django.utils import timezone

from config import environment
from schema.connection.connect import connect, database_file
from schema.connection.pooling import direct_connection
from schema.history.status import pending_migrations
from schema.models import MigrationRun
from schema.report import Report

# Replies, uploads and backups need room; below the second figure writes begin to fail.
LOW_SPACE, NO_SPACE = 2 * 2**30, 200 * 2**20  # bytes
# Sessions, limits and links in mails are compared with the clock.
SKEW = timedelta(seconds=30)


class Level(enum.StrEnum):
    """How serious a finding is. Only a failure changes the exit code."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Finding:
    """What one check found, and the remedy."""

    check: str
    level: Level
    text: str
    remedy: str = ""


Check = Callable[[], Iterator[Finding]]


def check_settings() -> Iterator[Finding]:
    """Read the environment as the site does, and run Django's checks of a deployment."""
    wrong = False
    for problem in environment.problems:
        wrong = True
        text, _, remedy = problem.partition(". ")
        remedy = remedy or "Correct it; docs/settings.md explains every setting."
        yield Finding("settings", Level.FAILED, f"{text.rstrip('.')}.", remedy)
    if not settings.DEBUG and not settings.ALLOWED_HOSTS:
        wrong = True
        yield Finding(
            "settings",
            Level.FAILED,
            "ALLOWED_HOSTS is empty, so every request is answered with 400.",
            "Set it to the host names of the site, separated by commas.",
        )
    if not settings.DEBUG and not settings.HTTPS:
        wrong = True
        yield Finding(
            "settings",
            Level.WARNING,
            "HTTPS=0: passwords and messages cross the network unencrypted.",
            "Put a proxy with a certificate in front, see docs/installing.md, and remove HTTPS=0.",
        )
    # Under HTTPS=0 Django's checks would repeat the warning above.
    for found in system_checks.run_checks(include_deployment_checks=bool(settings.HTTPS)):
        # W020 is what ALLOWED_HOSTS says above.
        if found.level >= system_checks.WARNING and found.id != "security.W020":
            wrong = True
            level = Level.FAILED if found.level >= system_checks.ERROR else Level.WARNING
            yield Finding(
                "settings",
                level,
                str(found.msg),
                str(found.hint or "See `python manage.py check --deploy`."),
            )
    if not wrong:
        yield Finding("settings", Level.OK, "the environment is read without errors")


def check_database() -> Iterator[Finding]:
    """Connect, and look for a pooler that `migrate` could not use."""
    try:
        report = Report(OutputWrapper(io.StringIO()), quiet=True)
        connect(connection, report)
        with direct_connection(connection, report):
            pass
    except CommandError as error:
        text, *rest = str(error).splitlines()
        remedy = " ".join(rest).replace("Nothing was changed. ", "")
        yield Finding("database", Level.FAILED, text, remedy)
        return
    version = connection.get_database_version()
    name = f"{connection.display_name} {'.'.join(str(part) for part in version)}"
    yield Finding("database", Level.OK, f"{name} answers")
    if connection.vendor == "sqlite" and not settings.DEBUG:
        yield Finding(
            "database",
            Level.OK,
            f"the data is in {database_file(connection)}: include it in the machine's backup",
        )


def check_migrations() -> Iterator[Finding]:
    """List what is not applied."""
    pending = pending_migrations(connection)
    if pending:
        text = f"{len(pending)} migrations are not applied, the first is {pending[0]}."
        yield Finding("migrations", Level.FAILED, text, "Run `python manage.py migrate`.")
    else:
        yield Finding("migrations", Level.OK, "all are applied")


def check_static_files() -> Iterator[Finding]:
    """Look for what `collectstatic` makes."""
    if getattr(staticfiles_storage, "hashed_files", None) == {}:
        text = f"There are no static files in {settings.STATIC_ROOT}: pages would have no style."
        remedy = "Run `python manage.py collectstatic --noinput`, then restart the server."
        yield Finding("static files", Level.FAILED, text, remedy)
    else:
        where = "served from their folders" if settings.DEBUG else f"in {settings.STATIC_ROOT}"
        yield Finding("static files", Level.OK, where)


def check_disk() -> Iterator[Finding]:
    """Compare the free space where the site writes on this machine."""
    folders = {"uploads": Path(tempfile.gettempdir())}
    if connection.vendor == "sqlite":
        folders["the database"] = database_file(connection).absolute().parent
    for what, folder in folders.items():
        if not folder.is_dir():
            continue  # check_database reports it
        free = shutil.disk_usage(folder).free
        text = f"{free / 2**30:.1f} GiB free for {what} in {folder}"
        if free < LOW_SPACE:
            level = Level.FAILED if free < NO_SPACE else Level.WARNING
            yield Finding("disk", level, f"{text}.", "Free space, or enlarge the disk.")
        else:
            yield Finding("disk", Level.OK, text)


def check_clock() -> Iterator[Finding]:
    """Compare this machine's clock with the server's, and with what the database remembers."""
    now = timezone.now()
    skew, than = timedelta(), ""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            skew, than = now - cursor.fetchone()[0], "that of the database server"
    if MigrationRun._meta.db_table in connection.introspection.table_names():
        latest = MigrationRun.objects.aggregate(latest=Max("started_at"))["latest"]
        if latest and latest - now > SKEW:
            skew, than = now - latest, "that of the latest migration"
    if abs(skew) > SKEW:
        direction = "ahead of" if skew > timedelta() else "behind"
        yield Finding(
            "clock",
            Level.FAILED,
            f"This machine's clock is {abs(skew).total_seconds():.0f} s {direction} {than}.",
            "Let both machines set their clocks by NTP (`timedatectl set-ntp true`).",
        )
    else:
        yield Finding("clock", Level.OK, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def check_mail() -> Iterator[Finding]:
    """Log in to the mail server; send nothing."""
    if not settings.EMAIL_HOST:
        yield Finding(
            "mail",
            Level.WARNING,
            "No mail server is set, so nobody can reset a forgotten password.",
            "Set EMAIL_URL and EMAIL_FROM.",
        )
        return
    server = get_connection(timeout=10)
    place = f"{settings.EMAIL_HOST}, port {settings.EMAIL_PORT}"
    try:
        server.open()
        server.close()
    except smtplib.SMTPAuthenticationError:
        remedy = "Correct the user and the password in EMAIL_URL (@ is %40)."
        yield Finding("mail", Level.FAILED, f"{place} refuses the log-in.", remedy)
    except (OSError, smtplib.SMTPException) as error:
        remedy = "Correct the host and the port in EMAIL_URL, or start the server."
        yield Finding("mail", Level.FAILED, f"{place} does not answer: {error}.", remedy)
    else:
        yield Finding("mail", Level.OK, f"{place} accepts mail")


CHECKS: list[Check] = [
    check_settings,
    check_static_files,
    check_disk,
    check_mail,
    check_database,
]
# They ask the database, so they run only if it answers.
CHECKS_IN_DATABASE: list[Check] = [check_migrations, check_clock]


def examine(more: list[Check]) -> Iterator[Finding]:
    """Run every check, and those of `more`."""
    answers = True
    for check in [*CHECKS, *more]:
        for finding in check():
            if finding.check == "database" and finding.level is Level.FAILED:
                answers = False
            yield finding
    for check in CHECKS_IN_DATABASE if answers else []:
        try:
            yield from check()
        except Error as error:
            name = check.__name__.removeprefix("check_").replace("_", " ")
            yield Finding(name, Level.FAILED, f"The database reports: {error}", "See `verify`.")
