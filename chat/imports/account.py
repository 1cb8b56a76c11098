"""The account that a file is imported into, as it was before."""

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

# A row whose last change follows its creation this closely was never edited.
SAME_TIME = datetime.timedelta(seconds=1)


class Account:
    """What an import has to know about the account.

    In a new account, which is as signing up left it, the General thread and the personas of an
    archive replace those that signing up made. So moving to another site loses nothing and
    leaves nothing behind.
    """

    def __init__(self, user: User, using: str) -> None:
        self.personas = Persona.objects.using(using).filter(user=user)
        self.threads = Thread.objects.using(using).filter(user=user)
        first = list(self.personas[:2])
        general = self.threads.filter(is_general=True).first()
        self.had_personas = bool(first)
        self.general = general.pk if general else None
        edited = self.personas.filter(updated_at__gt=F("created_at") + SAME_TIME)
        self.is_new = not (
            len(first) > 1
            or edited.exists()
            or self.threads.filter(is_general=False).exists()
            or (general and general.updated_at > general.created_at + SAME_TIME)
            or ChatMessage.objects.using(using).filter(user=user).exists()
        )
        self.first = first[0].pk if first and self.is_new else None

    def activate_persona(self, imported: set[uuid.UUID], active: uuid.UUID | None) -> None:
        """Activate the persona that is active in the file, unless the account has its own."""
        if self.first and active and self.first not in imported:
            self.threads.filter(persona=self.first).update(persona=active)
            self.personas.filter(pk=self.first).delete()
        elif self.had_personas:
            return
        # The database has activated the first of them.
        self.personas.update(is_active=False)
        if active:
            self.personas.filter(pk=active).update(is_active=True)
