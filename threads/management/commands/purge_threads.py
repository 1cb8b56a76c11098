"""`manage.py purge_threads`: delete for good what people deleted long ago."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from threads import organising
from threads.models import Thread


class Command(BaseCommand):
    """Delete for good the threads that can no longer be had back."""

    help = "Delete for good, with their messages, the threads that were deleted long ago."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the number of days."""
        parser.add_argument(
            "--days",
            type=int,
            default=organising.KEPT_FOR.days,
            help="how long ago a thread must have been deleted (default: %(default)s)",
        )

    def handle(self, *, days: int, **options: Any) -> None:
        """Purge, and say how much."""
        if days < 0:
            raise CommandError("--days must be 0 or more.")
        count = organising.purge(Thread.objects.all(), timedelta(days=days))
        self.stdout.write(f"{count} thread{'' if count == 1 else 's'} deleted for good.")
