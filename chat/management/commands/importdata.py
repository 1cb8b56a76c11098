"""Add what a file holds to a person's account."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.imports.loading import import_file, preview
from chat.imports.reading import RefusedError
from chat.imports.report import Report
from users.models import User


class Command(BaseCommand):
    """python manage.py importdata EMAIL FILE."""

    help = (
        "Adds a Twinthread, ChatGPT or Open WebUI export, or a character card, to an account: "
        "all of the file or nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the person and the file."""
        parser.add_argument("email", help="Whose account.")
        parser.add_argument("file", type=Path)
        parser.add_argument("--preview", action="store_true", help="Only say what is in it.")
        parser.add_argument("--database", default="default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import the file and say what came of it."""
        using = options["database"]
        try:
            user = User.objects.db_manager(using).get_by_natural_key(options["email"])
        except User.DoesNotExist:
            raise CommandError(
                f"Nobody here has the e-mail address {options['email']}. Check its spelling."
            ) from None
        path: Path = options["file"]
        act = preview if options["preview"] else import_file
        try:
            with path.open("rb") as file:
                report = act(user, file, path.stat().st_size, using)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
        except RefusedError as refusal:
            raise CommandError(f"{refusal} Nothing was changed.") from None
        self.tell(report, "would be added" if options["preview"] else "added")

    def tell(self, report: Report, verb: str) -> None:
        """Say what was added, what was there, and what was left out."""
        for name, added, known in report.counts():
            self.stdout.write(f"{name}: {added:,} {verb}, {known:,} there already.")
        if report.restored:
            self.stdout.write(f"Deleted threads brought back: {report.restored:,}.")
        for reason, count in report.left_out.items():
            self.stdout.write(f"Left out: {count:,} × {reason}.")
