"""Add, switch and delete personas; exactly one persona of a user is active.

Every function first locks the user's row, so concurrent changes of one user are serialised.
"""

from uuid import UUID

from django.db import transaction

from personas.models import Persona
from users.models import User


def lock_owner(user_id: UUID) -> None:
    """Lock the user until the transaction ends; other changes of the user's personas wait."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=user_id)


@transaction.atomic
def switch_to(*, persona: Persona) -> None:
    """Activate `persona`; a trigger deactivates the others.

    Raises:
        Persona.DoesNotExist: It has been deleted in the meantime.
    """
    lock_owner(persona.user_id)
    if not Persona.objects.filter(pk=persona.pk).update(is_active=True):
        raise Persona.DoesNotExist
    persona.is_active = True


@transaction.atomic
def add_persona(*, user: User, persona: Persona) -> Persona:
    """Save a new persona of `user`; a trigger activates the first one."""
    lock_owner(user.pk)
    persona.user = user
    persona.save()
    return persona


class LastPersonaError(Exception):
    """The last persona of a user can only be deleted with a replacement."""


@transaction.atomic
def delete_persona(*, persona: Persona, replacement: str = "") -> None:
    """Delete `persona`; if it was active, activate the oldest of the others.

    Args:
        persona: The persona to delete. Its threads stay and use the active persona.
        replacement: The name of a new persona that replaces it.

    Raises:
        LastPersonaError: It is the last one, and there is no replacement.
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
        successor = others[0]
        others.filter(pk=successor.pk).update(is_active=True)
