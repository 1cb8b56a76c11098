"""Create an account with its first persona and thread."""

from django.db import transaction
from django.utils.translation import gettext as _

from personas.models import Persona
from threads.models import Thread
from users.models import User


@transaction.atomic
def create_account(*, email: str, password: str, name: str = "", persona_name: str = "") -> User:
    """Return a new user with an active persona and a General thread.

    Raises:
        IntegrityError: Another account has this e-mail address.
    """
    user = User.objects.create_user(email, password, name=name)
    persona = Persona.objects.create(
        user=user, name=persona_name or name or _("My Twin"), is_active=True
    )
    Thread.objects.create(user=user, persona=persona, title=_("General"), is_general=True)
    return user
