"""What happens to an account as a whole."""

from django.db import transaction

from users.models import User


def change_email(*, user: User, email: str) -> None:
    """Give the account another e-mail address; IntegrityError where somebody has it."""
    user.email = User.objects.normalize_email(email)
    user.save(update_fields=["email", "updated_at"])


def delete_account(*, user: User) -> None:
    """Delete a person and everything that is theirs.

    One statement: the database's foreign keys take the rest along, so 200,000 messages never
    pass through Python.
    """
    with transaction.atomic():
        users = User.objects.filter(pk=user.pk)
        users._raw_delete(users.db)
