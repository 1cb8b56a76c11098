"""Personas in the admin, and the personas of a user on the user's page."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from personas.models import Persona, Sample
from schema.admin.large_tables import Panel, chosen
from users.admin import UserAdmin
from users.models import User
from users.staff_reads import PrivateRowsAdmin

ACTIVE = format_html('<span class="badge succeeded">{}</span>', "Active")


class PersonaForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at runtime
    """Use the browser's colour picker."""

    class Meta:
        model = Persona
        fields = ("user", "name", "description", "color", "is_active", "metadata")
        widgets = {
            "name": forms.TextInput(attrs={"class": "vTextField"}),
            "color": forms.TextInput(attrs={"type": "color"}),
        }


@admin.register(Persona)
class PersonaAdmin(PrivateRowsAdmin):
    """Personas, newest first."""

    form = PersonaForm
    list_display = ("name", "swatch", "active", "owner", "threads", "created_at")
    list_display_links = ("name",)
    list_filter = ("is_active", chosen("user"))
    list_select_related = ("user",)
    search_fields = ("name__istartswith", "user__email__istartswith")
    search_help_text = "The beginning of a name or of the user's e-mail address, or a whole id."
    user_field = "user"
    key_fields = ("pk", "user")
    autocomplete_fields = ("user",)
    ordering = ("-created_at", "-id")
    sortable_by = ("name", "created_at")
    readonly_fields = ("id", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("user", "name", "description", "color", "is_active")}),
        ("Voice", {"fields": ("metadata",)}),
        ("Record", {"fields": ("id", "created_at", "updated_at")}),
    )

    @admin.display(description="colour")
    def swatch(self, persona: Persona) -> str:
        """Return a dot in the persona's colour."""
        return swatch(persona.color)

    @admin.display(description="active")
    def active(self, persona: Persona) -> str:
        """Return a badge for the active persona."""
        return ACTIVE if persona.is_active else ""

    @admin.display(description="user")
    def owner(self, persona: Persona) -> str:
        """Return a link to the user's page."""
        return link_to(persona.user)

    @admin.display(description="threads")
    def threads(self, persona: Persona) -> str:
        """Return a link to the persona's threads."""
        address = reverse("admin:threads_thread_changelist")
        return format_html('<a href="{}?persona={}">Threads</a>', address, persona.pk)


@admin.register(Sample)
class SampleAdmin(PrivateRowsAdmin):
    """Samples of personas, newest first."""

    list_display = ("excerpt", "source", "origin", "owner", "created_at")
    list_display_links = ("excerpt",)
    list_filter = ("source", chosen("persona"))
    list_select_related = ("persona__user",)
    search_fields = ("persona__name__istartswith", "persona__user__email__istartswith")
    search_help_text = "The beginning of a persona's name or of an e-mail address, or an id."
    user_field = "persona__user"
    key_fields = ("pk", "persona")
    autocomplete_fields = ("persona",)
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)
    fields = ("persona", "text", "source", "origin", "id", "created_at", "updated_at")
    readonly_fields = ("id", "created_at", "updated_at")

    @admin.display(description="text")
    def excerpt(self, sample: Sample) -> str:
        """Return the beginning of the text."""
        return str(sample) or "(empty)"

    @admin.display(description="user")
    def owner(self, sample: Sample) -> str:
        """Return a link to the user's page."""
        return link_to(sample.persona.user)


def swatch(color: str) -> SafeString:
    """Return a coloured dot; the content security policy forbids inline styles."""
    return format_html(
        '<svg class="swatch" viewBox="0 0 16 16" role="img" aria-label="{}">'
        '<circle cx="8" cy="8" r="7" fill="{}"/></svg>',
        color,
        color,
    )


def link(page: str, key: object, text: str) -> SafeString:
    """Return a link to a row in the admin. Adopted databases hold rows without a name."""
    address = reverse(f"admin:{page}_change", args=[key])
    # strip() would make an ordinary text of one that is marked as safe.
    return format_html('<a href="{}">{}</a>', address, text if text.strip() else "(unnamed)")


def link_to(user: User) -> SafeString:
    """Return a link to a user in the admin; the e-mail address may wrap after its @."""
    mailbox, at, host = user.email.partition("@")
    return link("users_user", user.pk, format_html("{}{}<wbr>{}", mailbox, at, host))


def personas_panel(request: HttpRequest, user: User) -> SafeString:
    """Return the panel with a user's personas."""
    rows = [
        (swatch(persona.color), link("personas_persona", persona.pk, persona.name), persona)
        for persona in Persona.objects.for_user(user)[:50]
    ]
    return render_to_string("admin/personas/of_user.html", {"rows": rows, "user_shown": user})


UserAdmin.panels.append(Panel(Persona, personas_panel))
