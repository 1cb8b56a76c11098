"""Fill a database with believable people, personas, threads and messages."""

import secrets
import time
from argparse import ArgumentTypeError
from datetime import UTC, date, datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from chat.demo.loading import holds_others, load
from chat.demo.people import ADMIN_EMAIL
from chat.demo.rows import Plan, rows
from users.models import User

# From so many messages on, building the search index anew beats keeping it up to date.
MANY = 50_000


def amount(text: str) -> int:
    """Return a number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"a whole number of 1 or more is asked for, not {text!r}")
    return int(text)


class Command(BaseCommand):
    """Arguments, progress, and the words about it."""

    help = (
        "Fills the database with made-up people and conversations. What an earlier demo made "
        "is replaced; nothing else is touched. All or nothing: a killed run leaves no row."
    )

    _tenths = 0

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what can be chosen."""
        parser.add_argument("--users", type=amount, default=20, help="Default: %(default)s.")
        parser.add_argument("--messages", type=amount, default=2000, help="Default: %(default)s.")
        parser.add_argument(
            "--seed", type=int, default=1, help="The same seed and day make the same rows."
        )
        parser.add_argument(
            "--day",
            type=date.fromisoformat,
            default=datetime.now(UTC).date(),
            help="The last messages are of the day before, YYYY-MM-DD (default: today).",
        )
        parser.add_argument("--password", help="For the users and the admin (default: made up).")
        parser.add_argument(
            "--yes", action="store_true", help="Also where there is other people's data."
        )
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Alias in the settings.")

    def handle(self, **options: Any) -> None:
        """Check, fill, and say how to log in."""
        connection = connections[options["database"]]
        if User._meta.db_table not in connection.introspection.table_names():
            raise CommandError("This database has no tables yet. Run `python manage.py migrate`.")
        if not options["yes"] and holds_others(connection):
            raise CommandError(
                "This database holds people whom no demo made. Run with --yes to put demo data "
                "beside theirs, which stays as it is."
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
            lambda done: self._tell(done, plan.messages),
            alone=plan.messages >= MANY and not holds_others(connection),
        )
        seconds = time.monotonic() - begin
        amounts = ", ".join(f"{count:,} {table}" for table, count in written.items())
        somebody = next(row[1][1] for row in rows(plan) if row[1][1] != ADMIN_EMAIL)
        self.stdout.write(f"Wrote {amounts} in {seconds:.1f} s.")
        self.stdout.write(f"Admin (/admin/):  {ADMIN_EMAIL}  password {admin_password}")
        self.stdout.write(f"Everybody else:   {somebody} …  password {password}")

    def _tell(self, done: int, total: int) -> None:
        """Show progress: one line that moves on a terminal, one line a tenth elsewhere."""
        if self.stdout.isatty():
            end = "\n" if done == total else ""
            self.stdout.write(f"\r{done:,} of {total:,} messages", ending=end)
            self.stdout.flush()
        elif done * 10 // total > self._tenths:
            self._tenths = done * 10 // total
            self.stdout.write(f"{done:,} of {total:,} messages")
