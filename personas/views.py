"""The pages of the personas."""

from uuid import UUID

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from personas.models import Persona
from personas.switching import switch_to
from users.navigation import back_to
from users.requests import PersonRequest


@require_POST
def switch(request: PersonRequest, pk: UUID) -> HttpResponseBase:
    """Make a persona the active one, and go back to where it was clicked."""
    switch_to(persona=get_object_or_404(Persona.objects.for_user(request.user), pk=pk))
    return redirect(back_to(request))
