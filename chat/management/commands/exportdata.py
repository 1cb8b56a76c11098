"""Write everything a person has into a file."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.export.archive import FORMATS, export
from chat.export.formats import file_name
from chat.export.source import Source
from users.models import User


class Command(BaseCommand):
    """python manage.py exportdata EMAIL."""

    help = "Writes a person's personas, threads and messages into a file."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the person, the format and the file."""
        parser.add_argument("email", help="Whose data.")
        parser.add_argument("--format", choices=FORMATS, default="zip")
        parser.add_argument("--output", help="The file to write, or - for standard output.")
        parser.add_argument("--database", default="default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file; a file that is there already is not written over."""
        using = options["database"]
        try:
            user = User.objects.db_manager(using).get_by_natural_key(options["email"])
        except User.DoesNotExist:
            raise CommandError(
                f"Nobody here has the e-mail address {options['email']}. Check its spelling."
            ) from None
        what = Source(user, using=using)
        pieces = export(what, options["format"])
        if options["output"] == "-":
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            return
        path = Path(options["output"] or file_name(what, FORMATS[options["format"]].suffix))
        try:
            file = path.open("xb")
        except FileExistsError:
            raise CommandError(f"{path} is there already. Name another --output.") from None
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        size = 0
        with file:
            for piece in pieces:
                size += file.write(piece)
                if sys.stderr.isatty():
                    self.stderr.write(f"\r{size / 1e6:,.1f} MB", ending="")
        messages = what.messages().count()
        self.stdout.write(f"{path}: {messages:,} messages, {size / 1e6:,.1f} MB.")
