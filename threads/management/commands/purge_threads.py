"""`manage.py purge_threads`: delete threads permanently after their retention period."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from threads import organising
from threads.models import Thread


class Command(BaseCommand):
    """Delete threads permanently after their retention period."""

    help = "Permanently delete threads that users deleted long ago, with their messages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--days`."""
        parser.add_argument(
            "--days",
            type=int,
            default=organising.RETENTION.days,
            help="how long ago a thread must have been deleted (default: %(default)s)",
        )

    def handle(self, *, days: int, **options: Any) -> None:
        """Purge, and report the number."""
        if days < 0:
            raise CommandError("--days must be 0 or more.")
        count = organising.purge(Thread.objects.all(), timedelta(days=days))
        self.stdout.write(f"{count} thread{'' if count == 1 else 's'} deleted permanently.")
