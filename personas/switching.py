"""Which persona is active: exactly one a user, whatever is clicked at once."""

from uuid import UUID

from django.db import transaction

from personas.models import Persona
from users.models import User


def lock_owner(user_id: UUID) -> None:
    """Make others who change this user's personas wait until the transaction ends."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=user_id)


@transaction.atomic
def switch_to(*, persona: Persona) -> None:
    """Make `persona` the active one; the database puts the others off.

    Raises:
        Persona.DoesNotExist: It was deleted meanwhile.
    """
    lock_owner(persona.user_id)
    if not Persona.objects.filter(pk=persona.pk).update(is_active=True):
        raise Persona.DoesNotExist
    persona.is_active = True
