"""List the migrations, and say of a database that is not adopted yet what it is."""

from typing import Any

from django.core.management.commands import showmigrations
from django.db import connections

from schema.adoption.messages import adoption_note


class Command(showmigrations.Command):
    """Django's command, with a note below."""

    def handle(self, *args: Any, **options: Any) -> None:
        """List the migrations as Django does."""
        super().handle(*args, **options)
        if note := adoption_note(connections[options["database"]]):
            self.stderr.write(note)
