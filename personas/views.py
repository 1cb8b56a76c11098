"""Pages of personas."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from personas.colors import next_color
from personas.forms import PersonaForm
from personas.models import Persona
from personas.switching import LastPersonaError, add_persona, delete_persona, switch_to
from personas.voice import Voice
from users.navigation import back_to
from users.requests import PersonRequest

MENU_LENGTH = 50
REPLACEMENT_REQUIRED = _("This is your last persona. Enter the name of a replacement.")


@require_GET
def index(request: PersonRequest) -> HttpResponse:
    """List all personas."""
    is_current = Q(threads__deleted_at=None)
    personas = Persona.objects.for_user(request.user).annotate(
        thread_count=Count("threads", filter=is_current)
    )
    return render(request, "personas/list.html", {"personas": personas})


@require_GET
def menu(request: PersonRequest) -> HttpResponseBase:
    """Show the personas to switch to, as an open menu; without htmx, their page."""
    if not request.htmx:
        return redirect("personas:list")
    personas = list(Persona.objects.for_user(request.user)[: MENU_LENGTH + 1])
    context = {
        "active": Persona.objects.for_user(request.user).active().first(),
        "personas": personas[:MENU_LENGTH],
        "has_more": len(personas) > MENU_LENGTH,
    }
    return render(request, "personas/_switcher.html", context)


@require_http_methods(["GET", "POST"])
def create(request: PersonRequest) -> HttpResponseBase:
    """Create a persona."""
    used = Persona.objects.for_user(request.user).values_list("color", flat=True)
    initial = {"color": next_color(used[:MENU_LENGTH])}
    form = PersonaForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        persona = add_persona(user=request.user, persona=form.save(commit=False))
        messages.success(request, _("%(name)s is created.") % {"name": persona.name})
        return redirect("personas:list")
    return _form(request, form)


@require_http_methods(["GET", "POST"])
def edit(request: PersonRequest, pk: UUID) -> HttpResponseBase:
    """Edit a persona."""
    persona = get_object_or_404(Persona.objects.for_user(request.user), pk=pk)
    form = PersonaForm(request.POST or None, instance=persona)
    if request.method == "POST" and form.is_valid():
        changed = form.save(commit=False)
        changed.save(update_fields=["name", "description", "color", "metadata", "updated_at"])
        messages.success(request, _("%(name)s is saved.") % {"name": changed.name})
        return redirect("personas:list")
    return _form(request, form)


@require_http_methods(["GET", "POST"])
def delete(request: PersonRequest, pk: UUID) -> HttpResponseBase:
    """Ask for confirmation and delete a persona; the last one needs a replacement."""
    personas = Persona.objects.for_user(request.user)
    persona = get_object_or_404(personas, pk=pk)
    error = ""
    if request.method == "POST":
        try:
            replacement = request.POST.get("replacement", "").strip()[:100]
            delete_persona(persona=persona, replacement=replacement)
        except LastPersonaError:
            error = str(REPLACEMENT_REQUIRED)
        else:
            messages.success(request, _("%(name)s is deleted.") % {"name": persona.name})
            return redirect("personas:list")
    context = {
        "persona": persona,
        "is_last": not personas.exclude(pk=pk).exists(),
        "error": error,
    }
    return render(request, "personas/delete.html", context, status=422 if error else 200)


@require_POST
def switch(request: PersonRequest, pk: UUID) -> HttpResponseBase:
    """Activate a persona and redirect back."""
    persona = get_object_or_404(Persona.objects.for_user(request.user), pk=pk)
    try:
        switch_to(persona=persona)
    except Persona.DoesNotExist:  # deleted in another tab
        raise Http404 from None
    return redirect(back_to(request))


def _form(request: PersonRequest, form: PersonaForm) -> HttpResponse:
    context = {"form": form, "voice": Voice.read(form.instance.metadata)}
    return render(request, "personas/form.html", context, status=422 if form.errors else 200)
