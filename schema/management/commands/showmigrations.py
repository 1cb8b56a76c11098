"""List the migrations, and say of a database that is not adopted yet what it is."""

from typing import Any

from django.core.management.commands import showmigrations
from django.db import connections

from schema.adoption.messages import adoption_note
from schema.adoption.other_schemas import require_own_schema
from schema.connection.connect import connect
from schema.report import Report, SafeOutputCommand


class Command(SafeOutputCommand, showmigrations.Command):
    """Django's command, with a note below."""

    def handle(self, *args: Any, **options: Any) -> None:
        """List the migrations as Django does."""
        connection = connections[options["database"]]
        connect(connection, Report(self.stdout, quiet=True))
        require_own_schema(connection)
        super().handle(*args, **options)
        if note := adoption_note(connection):
            self.stderr.write(note)
