"""Write everything a person has into a file."""

import os
import sys
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.exports.archive import FORMATS, export
from chat.exports.formats import file_name, gathered
from chat.exports.source import Source
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
        if options["output"] == "-":
            self.pour(what, options["format"])
            return
        path = Path(options["output"] or file_name(what, FORMATS[options["format"]].suffix))
        try:
            file = path.open("xb")
        except FileExistsError:
            raise CommandError(f"{path} is there already. Name another --output.") from None
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        try:
            with file:
                messages, size = self.fill(file, what, options["format"])
        except OSError as error:
            path.unlink()
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        except BaseException:  # also Ctrl-C: half an export is not mistaken for a whole one
            path.unlink()
            raise
        noun = "message" if messages == 1 else "messages"
        self.stdout.write(f"{path}: {messages:,} {noun}, {size / 1e6:,.1f} MB.")

    def fill(self, file: IO[bytes], what: Source, name: str) -> tuple[int, int]:
        """Write an export; return how many messages it holds and how many bytes it has."""
        size = 0
        tell = sys.stderr.isatty()
        with what.snapshot():
            messages = what.messages().count()
            for piece in gathered(FORMATS[name].write(what)):
                size += file.write(piece)
                if tell:
                    self.stderr.write(f"\r{size / 1e6:,.1f} MB", ending="")
        if tell:
            self.stderr.write("")
        return messages, size

    def pour(self, what: Source, name: str) -> None:
        """Write an export to standard output."""
        try:
            for piece in export(what, name):
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # Python would complain once more when it closes the pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise CommandError("Whoever read the export stopped before its end.") from None
