"""Add what a file holds to a user's account."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.imports.files import FORMATS, read
from chat.imports.loading import import_items, preview
from chat.imports.reading import RefusedError
from chat.imports.report import Report
from users.models import User


class Command(BaseCommand):
    """Import a file, or preview it."""

    help = (
        "Adds a Twinthread export, conversations of "
        f"{', '.join(one.name for one in FORMATS)}, Gemini or SillyTavern, or a character card "
        "to an account. If the import fails, nothing is added."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments."""
        parser.add_argument("email", help="The user's e-mail address.")
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--preview", action="store_true", help="Report what the import would add."
        )
        parser.add_argument("--database", default="default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import the file and write the report."""
        using = options["database"]
        try:
            user = User.objects.db_manager(using).get_by_natural_key(options["email"])
        except User.DoesNotExist:
            raise CommandError(
                f"No user has the e-mail address {options['email']}. Check its spelling."
            ) from None
        path: Path = options["file"]
        act = preview if options["preview"] else import_items
        try:
            with path.open("rb") as file:
                report = act(user, read(file, path.stat().st_size), using)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
        except RefusedError as refusal:
            raise CommandError(f"{refusal} Nothing was changed.") from None
        self.write_report(report, "would be added" if options["preview"] else "added")

    def write_report(self, report: Report, verb: str) -> None:
        """Write what was added, known and not imported."""
        for name, added, known in report.counts():
            self.stdout.write(f"{name}: {added:,} {verb}, {known:,} known.")
        if report.restored:
            self.stdout.write(f"Deleted threads restored: {report.restored:,}.")
        for reason, count in report.skipped.items():
            self.stdout.write(f"Not imported: {count:,} × {reason}.")
        for problem in report.problems:
            self.stdout.write(f"Could not be read, or not whole: {problem}")
        if report.unlisted():
            self.stdout.write(f"… and {report.unlisted():,} more.")
