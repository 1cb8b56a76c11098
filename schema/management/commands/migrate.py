"""Migrate the database, with a lock, a history, checks and a summary."""

import os
from argparse import ArgumentTypeError
from contextlib import ExitStack, nullcontext
from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser, OutputWrapper, no_translations
from django.core.management.color import no_style
from django.core.management.commands import migrate
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.utils.module_loading import module_has_submodule

from schema.adoption.other_schemas import require_own_schema
from schema.connection import limits, privileges
from schema.connection.connect import connect, failed_between, require_unlocked
from schema.connection.locking import migration_lock
from schema.connection.pooling import direct_connection
from schema.connection.session import migration_session
from schema.connection.standby import wait_for_standby
from schema.migrator.run import Migrator
from schema.report import ExitCode, Report, SafeOutputCommand

LEFT = (
    "The migrations reported above are applied, and so are those that `history` lists as succeeded."
)


class Command(SafeOutputCommand, migrate.Command):
    """Django's command with further options."""

    help = (
        "Brings the database to the state of the code. One process migrates at a time; others "
        "wait. If it was interrupted, run it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add arguments to Django's."""
        super().add_arguments(parser)
        parser.add_argument(
            "--json", action="store_true", dest="as_json", help="Print one JSON object a line."
        )
        parser.add_argument(
            "--wait",
            type=zero_or_more,
            default=0,
            metavar="SECONDS",
            help="Wait up to this long for a server that is starting (default: 0).",
        )
        parser.add_argument(
            "--lock-timeout",
            type=zero_or_more,
            default=600,
            metavar="SECONDS",
            help="Wait up to this long for another migrate to end (default: %(default)s).",
        )
        parser.add_argument(
            "--table-lock-timeout",
            type=one_or_more,
            default=50,
            metavar="MILLISECONDS",
            help="Wait this long for a lock that another session holds, then step back and try "
            "again: the longest stall that the site sees (default: %(default)s).",
        )
        parser.add_argument(
            "--patience",
            type=zero_or_more,
            default=300,
            metavar="SECONDS",
            help="Retry for this long to get such a lock, then give up (default: %(default)s).",
        )
        parser.add_argument(
            "--max-lag",
            type=zero_or_more,
            default=10,
            metavar="SECONDS",
            help="Pause a long data step while a replica is further behind (default: %(default)s).",
        )
        parser.add_argument(
            "--max-retained-wal",
            type=one_or_more,
            default=16_384,
            metavar="MEGABYTES",
            help="Pause a long data step while a replication slot retains more of the log "
            "(default: %(default)s).",
        )
        parser.add_argument(
            "--pause",
            action="store_true",
            help="Let the migrate that runs elsewhere pause at its next batch.",
        )
        parser.add_argument(
            "--resume", action="store_true", help="Let a migrate that --pause stopped go on."
        )
        parser.add_argument(
            "--strict",
            action="store_true",
            help="Fail if the file of an applied migration was edited since.",
        )
        parser.add_argument(
            "--accept-data-loss",
            action="store_true",
            help="Roll back without a question, whatever is lost.",
        )
        parser.add_argument(
            "--keep",
            action="store_true",
            help="Roll back without a loss: set aside what would be dropped, until the migrations "
            "are applied again, which puts it back.",
        )
        parser.add_argument(
            "--forget",
            action="store_true",
            help="Drop for good what --keep set aside, of an app or a migration if one is named.",
        )
        parser.add_argument(
            "--adopt",
            action="store_true",
            help="Adopt a database made by other means even if little shows that it is the one "
            "meant.",
        )
        parser.add_argument(
            "--new-site",
            action="store_true",
            help="Make a new site in the first schema of the search path although another schema "
            "has one.",
        )
        parser.add_argument(
            "--quarantine-limit",
            type=whole_number,
            metavar="ROWS",
            help="How many rows of a table an adoption may put into quarantine (default: a "
            "hundredth, at most 1000).",
        )
        parser.add_argument(
            "--backup",
            nargs="?",
            const="backups",
            metavar="FOLDER",
            help="Back the database up before the first change (into %(const)s, if no folder is "
            "named), and say how to restore it.",
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Connect and take the lock before anything reads the database."""
        if os.environ.get("NO_COLOR") and not options.get("force_color"):
            options["no_color"] = True  # https://no-color.org
            self.style = no_style()
        if options.get("stdout"):
            self.stdout = OutputWrapper(options["stdout"])
        if options["as_json"]:
            options["verbosity"] = 0  # what others print would not be JSON
        self.report = Report(
            self.stdout, as_json=options["as_json"], quiet=options["verbosity"] == 0
        )
        try:
            with ExitStack() as stack:
                self._prepare(stack, options)
                return super().execute(*args, **options)
        except CommandError as error:
            self._write_failed(str(error), error.returncode)
            raise
        except Error as error:
            failure = failed_between(connections[options["database"]], error)
            self._write_failed(str(failure), ExitCode.FAILED)
            raise failure from error
        except KeyboardInterrupt as error:
            text = f"Stopped from the keyboard.\n{LEFT} The next run resumes."
            self._write_failed(text, ExitCode.STOPPED)
            raise CommandError(text, returncode=ExitCode.STOPPED) from error
        except Exception as error:  # a fault of the program: keep its traceback
            self._write_failed(f"{type(error).__name__}: {error}", ExitCode.FAILED)
            raise

    def _write_failed(self, message: str, exit_status: int) -> None:
        self.report.write("failed", message=message, exit_status=exit_status)

    def _prepare(self, stack: ExitStack, options: dict[str, Any]) -> None:
        connection = connections[options["database"]]
        self.holder: BaseDatabaseWrapper | None = None
        self.signals = options["pause"] or options["resume"]
        reads_only = options["plan"] or options["check_unapplied"] or self.signals
        lock = (
            nullcontext()
            if reads_only
            else migration_lock(connection, self.report, patience=options["lock_timeout"])
        )
        if connection.vendor == "sqlite":
            # Even the first connection writes: it sets the journal mode.
            stack.enter_context(lock)
        connect(connection, self.report, wait=options["wait"])
        if connection.vendor == "postgresql" and not reads_only:
            # First of all: even a standby grants the lock.
            for problem in (*privileges.read_only(connection), *limits.connections(connection)):
                raise CommandError(f"{problem.text}\nNothing was changed. {problem.remedy}")
            stack.enter_context(direct_connection(connection, self.report))
            stack.enter_context(migration_session(connection))
        if not reads_only:
            require_unlocked(connection)
        if not options["new_site"]:
            require_own_schema(connection)
        if connection.vendor == "postgresql" and not reads_only:
            self.holder = stack.enter_context(lock)
            wait_for_standby(connection, self.report, options["patience"])

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked, or leave it to Django where that changes no schema."""
        if options["plan"] or options["check_unapplied"] or options["prune"]:
            self._inspect(*args, **options)
            return
        if self.signals:
            from schema.migrator.pausing import signal

            signal(connections[options["database"]], self.report, pause=options["pause"])
            return
        if options["forget"]:
            from schema.migrator.kept.forget import forget

            forget(connections[options["database"]], self.report, options)
            return
        self.verbosity, self.interactive = options["verbosity"], options["interactive"]
        for app in apps.get_app_configs():  # where receivers of the two signals are registered
            if module_has_submodule(app.module, "management"):
                import_module(".management", app.name)
        Migrator(self, connections[options["database"]], self.holder, self.report, options).run()

    def _inspect(self, *args: Any, **options: Any) -> None:
        """Show the plan and what it does to data, or leave it to Django."""
        if options["plan"]:
            self._report_adoption(options)
        if options["as_json"] and not options["prune"]:
            self._write_plan(options)
        else:
            super().handle(*args, **options)
        if options["plan"]:
            from schema.migrator.plan import write_data

            names = options["app_label"], options["migration_name"]
            write_data(connections[options["database"]], self.report, *names, keep=options["keep"])

    def _report_adoption(self, options: dict[str, Any]) -> None:
        from schema.adoption.detect import find_adoption
        from schema.adoption.messages import report_plan

        connection = connections[options["database"]]
        adoption = find_adoption(connection, MigrationLoader(connection), options)
        if adoption is not None:
            report_plan(adoption, self.report)

    def _write_plan(self, options: dict[str, Any]) -> None:
        from schema.migrator.plan import write_plan

        connection = connections[options["database"]]
        names = options["app_label"], options["migration_name"]
        if write_plan(connection, self.report, *names) and options["check_unapplied"]:
            raise SystemExit(ExitCode.FAILED)


def zero_or_more(text: str) -> float:
    """Return a duration."""
    return _number(text, least=0)


def whole_number(text: str) -> int:
    """Return a number of rows."""
    if not text.isascii() or not text.isdigit():
        raise ArgumentTypeError(f"must be a whole number, not {text!r}")
    return int(text)


def one_or_more(text: str) -> float:
    """Return a duration that PostgreSQL does not round to 0, which would mean no limit."""
    return _number(text, least=1)


def _number(text: str, *, least: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not least <= value < float("inf"):
        raise ArgumentTypeError(f"must be a number, {least} or more, not {text!r}")
    return value
