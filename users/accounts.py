"""What happens to an account as a whole."""

from django.db import OperationalError, transaction

from users import mail
from users.models import User

DEADLOCK_DETECTED = "40P01"
TRIES = 5


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
    pass through Python. What is being written for that person at this moment locks rows in
    another order; where PostgreSQL ends the deletion for it, nothing is gone, and it begins anew.
    """
    users = User.objects.filter(pk=user.pk)
    for tries_left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                users._raw_delete(users.db)
        except OperationalError as error:
            if not tries_left or getattr(error.__cause__, "sqlstate", None) != DEADLOCK_DETECTED:
                raise
        else:
            return
