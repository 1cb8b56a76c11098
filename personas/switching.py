"""Which persona is active: exactly one a user, whatever is clicked at once.

Every verb here locks the user's row first, so that those of one person take turns.
"""

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


@transaction.atomic
def add_persona(*, user: User, persona: Persona) -> Persona:
    """Save a new persona for `user`; the database makes a first one active."""
    lock_owner(user.pk)
    persona.user = user
    persona.save()
    return persona


class LastPersonaError(Exception):
    """A person always has a persona: the last one goes only when another comes."""


@transaction.atomic
def delete_persona(*, persona: Persona, replacement: str = "") -> None:
    """Delete `persona`; if it was active, the oldest of the others becomes so.

    Args:
        persona: The one to delete; its threads stay, and speak with the active one.
        replacement: The name of a persona to make in its place.

    Raises:
        LastPersonaError: It is the last one, and nothing is to replace it.
    """
    lock_owner(persona.user_id)
    owned = Persona.objects.filter(user=persona.user_id).order_by("created_at", "id")
    others = owned.exclude(pk=persona.pk)
    if replacement:
        Persona.objects.create(user_id=persona.user_id, name=replacement, color=persona.color)
    elif not others.exists():
        raise LastPersonaError
    owned.filter(pk=persona.pk).delete()
    if not others.active().exists():
        heir = others[0]
        others.filter(pk=heir.pk).update(is_active=True)
