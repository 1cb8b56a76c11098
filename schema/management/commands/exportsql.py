"""Write the migrations as SQL files."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.exceptions import IrreversibleError

from schema.adoption.messages import adoption_note
from schema.adoption.other_schemas import require_own_schema
from schema.connection.configuration import configuration
from schema.connection.connect import connect
from schema.connection.errors import first_line
from schema.connection.read_only import reads_only
from schema.introspection.catalog import CatalogError
from schema.report import Report, SafeOutputCommand
from schema.sqlexport.export import export


class Command(SafeOutputCommand):
    """Write one file a migration, and one with all of them."""

    help = (
        "Writes the migrations as plain SQL for the database's engine: one file a migration, "
        "numbered in the order of application, and all.sql. Running them by hand comes to the "
        "same as `migrate`, also half-way. Changes nothing in the database."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the folder and what to write."""
        parser.add_argument("-o", "--output", required=True, type=Path, metavar="DIR")
        parser.add_argument("--rollback", action="store_true", help="Write the way back too.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, choices=tuple(connections))

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the files."""
        connection = connections[options["database"]]
        connect(connection, Report(self.stdout, quiet=True))
        require_own_schema(connection)
        folder: Path = options["output"]
        try:
            with reads_only():
                done = export(connection, folder, rollback=options["rollback"])
        except FileExistsError as error:
            raise CommandError(f"{folder} is not an empty folder. Name another.") from error
        except OSError as error:
            raise CommandError(f"Cannot write into {folder}: {error.strerror}.") from error
        except (CatalogError, IrreversibleError) as error:
            raise CommandError(str(error)) from error
        except Error as error:
            raise CommandError(
                f"The migrations could not be tried out: {first_line(error)}\n"
                "Nothing was written. Let"
                f" {configuration().connection_setting(connection)} name a database where the role"
                " may create a schema; an empty one will do."
            ) from error
        self.stdout.write(f"Wrote {len(done.files)} files to {folder}.")
        for migration, reason in done.not_sql.items():
            label, name = migration.split(".", 1)
            self.stdout.write(
                f"{migration} cannot be written as SQL: {reason}. Its file stops there until"
                f" `python manage.py migrate {label} {name}` has applied it."
            )
        if note := adoption_note(connection):
            self.stderr.write(f"{note} The files do not adopt it: they are for an empty database.")
        if options["verbosity"] > 1:
            for file in done.files:
                self.stdout.write(f"  {file.relative_to(folder)}")
