"""What happens to an account as a whole."""

from django.db import transaction

from users import mail
from users.models import User


def change_name(*, user: User, name: str) -> None:
    """Call the person something else."""
    user.name = name
    user.save(update_fields=["name", "updated_at"])


def change_email(*, user: User, email: str) -> None:
    """Give the account another e-mail address, and tell the old one.

    Raises:
        IntegrityError: Somebody has the address.
    """
    old = user.email
    user.email = User.objects.normalize_email(email)
    with transaction.atomic():
        user.save(update_fields=["email", "updated_at"])
    mail.send("users/mail/email_changed.txt", to=old, context={"user": user})


def delete_account(*, user: User) -> None:
    """Delete a person and everything that is theirs.

    One statement: the database's foreign keys take the rest along, so 200,000 messages never
    pass through Python.
    """
    with transaction.atomic():
        users = User.objects.filter(pk=user.pk)
        users._raw_delete(users.db)
