"""Print a link with which somebody may sign up."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from users import invitations
from users.models import User


class Command(BaseCommand):
    """Invite the owner of an e-mail address."""

    help = "Prints a link with which the owner of an e-mail address may sign up."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments."""
        parser.add_argument("email", help="The e-mail address.")
        parser.add_argument("--days", type=int, default=7, help="How long the link is valid.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the link."""
        email = options["email"]
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"{email} is not an e-mail address.") from None
        if options["days"] < 1:
            raise CommandError("--days must be 1 or more.")
        if User.objects.with_email(email):
            raise CommandError(f"{email} has an account already.")
        self.stdout.write(invitations.link(email, days=options["days"]))
