"""Write a person's data into a file."""

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
    """Write an export into a file or to standard output."""

    help = "Writes a person's personas, threads and messages into a file."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments."""
        parser.add_argument("email", help="The person's e-mail address.")
        parser.add_argument("--format", choices=FORMATS, default="zip")
        parser.add_argument("--output", help="The file to write; - means standard output.")
        parser.add_argument("--database", default="default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write a new file."""
        using = options["database"]
        try:
            user = User.objects.db_manager(using).get_by_natural_key(options["email"])
        except User.DoesNotExist:
            raise CommandError(
                f"No user has the e-mail address {options['email']}. Check its spelling."
            ) from None
        source = Source(user, using=using)
        if options["output"] == "-":
            self.write_to_stdout(source, options["format"])
            return
        path = Path(options["output"] or file_name(source, FORMATS[options["format"]].suffix))
        try:
            file = path.open("xb")
        except FileExistsError:
            raise CommandError(f"{path} exists. Choose another file with --output.") from None
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        try:
            with file:
                messages, size = self.write_to(file, source, options["format"])
        except OSError as error:
            path.unlink()
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        except BaseException:  # also Ctrl-C: nobody is to take a part for the whole
            path.unlink()
            raise
        noun = "message" if messages == 1 else "messages"
        self.stdout.write(f"{path}: {messages:,} {noun}, {size / 1e6:,.1f} MB.")

    def write_to(self, file: IO[bytes], source: Source, name: str) -> tuple[int, int]:
        """Write an export; return the number of messages and of bytes."""
        size = 0
        shows_progress = sys.stderr.isatty()
        with source.snapshot():
            messages = source.messages().count()
            for chunk in gathered(FORMATS[name].write(source)):
                size += file.write(chunk)
                if shows_progress:
                    self.stderr.write(f"\r{size / 1e6:,.1f} MB", ending="")
        if shows_progress:
            self.stderr.write("")
        return messages, size

    def write_to_stdout(self, source: Source, name: str) -> None:
        """Write an export to standard output."""
        try:
            for chunk in export(source, name):
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # Python would report the error again when it closes the pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise CommandError(
                "The program that reads the export stopped before its end."
            ) from None
