"""Change and delete accounts."""

from django.db import OperationalError, transaction

from users import mail
from users.models import User

DEADLOCK_DETECTED = "40P01"
ATTEMPTS = 5


def change_name(*, user: User, name: str) -> None:
    """Change the user's name."""
    user.name = name
    user.save(update_fields=["name", "updated_at"])


def change_email(*, user: User, email: str) -> None:
    """Change the e-mail address, and notify the old one.

    Raises:
        IntegrityError: Another account has the address.
    """
    old = user.email
    user.email = User.objects.normalize_email(email)
    with transaction.atomic():
        user.save(update_fields=["email", "updated_at"])
    mail.send("users/mail/email_changed.txt", to=old, context={"user": user})


def delete_account(*, user: User) -> None:
    """Delete a user and all their data.

    One statement: foreign keys cascade in the database, so 200,000 messages never pass through
    Python. A reply that is being written locks rows in another order. If PostgreSQL cancels the
    deletion as a deadlock, nothing is deleted and the statement is repeated.
    """
    users = User.objects.filter(pk=user.pk)
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            with transaction.atomic():
                users._raw_delete(users.db)
        except OperationalError as error:
            if not attempts_left or getattr(error.__cause__, "sqlstate", None) != DEADLOCK_DETECTED:
                raise
        else:
            return
