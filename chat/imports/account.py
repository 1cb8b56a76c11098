"""The account that a file comes into, as it was before."""

from __future__ import annotations

import datetime
import uuid
from typing import TYPE_CHECKING

from django.db.models import F

from chat.models import ChatMessage
from personas.models import Persona
from threads.models import Thread

if TYPE_CHECKING:
    from users.models import User

# A row that was written this soon after it was made was not changed since.
AT_ONCE = datetime.timedelta(seconds=1)


class Account:
    """What matters of an account to an import.

    In a new account, one that is as signing up left it, an archive's General thread and
    personas take the place of those that signing up made: moving house loses nothing and
    leaves nothing over.
    """

    def __init__(self, user: User, using: str) -> None:
        self.personas = Persona.objects.using(using).filter(user=user)
        self.threads = Thread.objects.using(using).filter(user=user)
        first = list(self.personas[:2])
        general = self.threads.filter(is_general=True).first()
        self.had_personas = bool(first)
        self.general = general.pk if general else None
        touched = self.personas.filter(updated_at__gt=F("created_at") + AT_ONCE)
        self.is_new = not (
            len(first) > 1
            or touched.exists()
            or self.threads.filter(is_general=False).exists()
            or (general and general.updated_at > general.created_at + AT_ONCE)
            or ChatMessage.objects.using(using).filter(user=user).exists()
        )
        self.first = first[0].pk if first and self.is_new else None

    def take_personas(self, brought: set[uuid.UUID], active: uuid.UUID | None) -> None:
        """Make that persona active which the file says, unless one of the account's own is."""
        if self.first and active and self.first not in brought:
            self.threads.filter(persona=self.first).update(persona=active)
            self.personas.filter(pk=self.first).delete()
        elif self.had_personas:
            return
        # The database made the first of them active.
        self.personas.update(is_active=False)
        if active:
            self.personas.filter(pk=active).update(is_active=True)
