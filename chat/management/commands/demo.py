"""Fill a database with made-up people, personas, threads and messages."""

import secrets
import time
from argparse import ArgumentTypeError
from datetime import UTC, date, datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from chat.demo.loading import has_real_users, load
from chat.demo.people import ADMIN_EMAIL
from chat.demo.rows import Plan, rows
from users.models import User

# From this number of messages on, rebuilding the search indexes is faster than updating them.
MANY = 50_000


def amount(text: str) -> int:
    """Return a number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"must be an integer of 1 or more, not {text!r}")
    return int(text)


class Command(BaseCommand):
    """Fill the database, and report the progress."""

    help = (
        "Fills the database with made-up people and conversations. It replaces those of an "
        "earlier demo and changes nothing else. A run that is killed leaves no row."
    )

    _tenths = 0

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments."""
        parser.add_argument("--users", type=amount, default=20, help="Default: %(default)s.")
        parser.add_argument("--messages", type=amount, default=2000, help="Default: %(default)s.")
        parser.add_argument(
            "--seed", type=int, default=1, help="The same seed and day make the same rows."
        )
        parser.add_argument(
            "--day",
            type=date.fromisoformat,
            default=datetime.now(UTC).date(),
            help="The day after the last messages, YYYY-MM-DD (default: today).",
        )
        parser.add_argument(
            "--password", help="The password of the users and of the admin (default: random)."
        )
        parser.add_argument(
            "--yes", action="store_true", help="Run even if the database has data of real people."
        )
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Alias in the settings.")

    def handle(self, **options: Any) -> None:
        """Fill the database, and write how to log in."""
        connection = connections[options["database"]]
        if User._meta.db_table not in connection.introspection.table_names():
            raise CommandError("This database has no tables yet. Run `python manage.py migrate`.")
        if not options["yes"] and has_real_users(connection):
            raise CommandError(
                "This database has users that no demo made. Run with --yes to add demo data; "
                "theirs stays as it is."
            )
        password = options["password"] or secrets.token_urlsafe(9)
        admin_password = options["password"] or secrets.token_urlsafe(12)
        plan = Plan(
            users=options["users"],
            messages=options["messages"],
            seed=options["seed"],
            day=options["day"],
            admin_hash=make_password(admin_password),
            user_hash=make_password(password),
        )
        begin = time.monotonic()
        written = load(
            connection,
            rows(plan),
            lambda done: self._report(done, plan.messages),
            alone=plan.messages >= MANY and not has_real_users(connection),
        )
        seconds = time.monotonic() - begin
        amounts = ", ".join(f"{count:,} {table}" for table, count in written.items())
        somebody = next(row[1][1] for row in rows(plan) if row[1][1] != ADMIN_EMAIL)
        self.stdout.write(f"Wrote {amounts} in {seconds:.1f} s.")
        self.stdout.write(f"Admin (/admin/):  {ADMIN_EMAIL}  password {admin_password}")
        self.stdout.write(f"Everybody else:   {somebody} …  password {password}")

    def _report(self, done: int, total: int) -> None:
        """Show progress: one changing line on a terminal, a line for each tenth elsewhere."""
        if self.stdout.isatty():
            end = "\n" if done == total else ""
            self.stdout.write(f"\r{done:,} of {total:,} messages", ending=end)
            self.stdout.flush()
        elif done * 10 // total > self._tenths:
            self._tenths = done * 10 // total
            self.stdout.write(f"{done:,} of {total:,} messages")
