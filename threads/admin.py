"""Threads in the admin, and the threads of a user on the user's page."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from personas.admin import link, link_to, swatch
from schema.admin.large_tables import Panel, chosen
from threads.models import Thread
from users.admin import UserAdmin
from users.models import User
from users.staff_reads import PrivateRowsAdmin

RECENT = 15


class ThreadForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at runtime
    """Accept only a persona of the thread's own user."""

    class Meta:
        model = Thread
        fields = ("user", "persona", "title", "description", "model")

    def clean(self) -> dict[str, Any]:
        """Reject the persona of another user."""
        values = super().clean() or {}
        user = values.get("user") or (None if self.instance._state.adding else self.instance.user)
        persona = values.get("persona")
        if user and persona and persona.user_id != user.pk:
            self.add_error("persona", "This persona belongs to another user.")
        return values


@admin.register(Thread)
class ThreadAdmin(PrivateRowsAdmin):
    """Threads, newest first."""

    form = ThreadForm
    list_display = ("title", "messages", "last_message", "speaker", "owner", "created_at")
    list_filter = ("is_general", "created_at", chosen("user"), chosen("persona"))
    list_select_related = ("user", "persona")
    search_fields = ("title__istartswith", "user__email__istartswith")
    search_help_text = "The beginning of a title or of the user's e-mail address, or a whole id."
    user_field = "user"
    key_fields = ("pk", "user", "persona")
    autocomplete_fields = ("user", "persona")
    # Keys are ordered by time and already have an index.
    ordering = ("-id",)
    sortable_by = ()
    readonly_fields = (
        *("id", "message_count", "last_message_at", "is_general", "pinned_at", "archived_at"),
        *("deleted_at", "created_at", "updated_at"),
    )
    fieldsets = (
        (None, {"fields": ("user", "persona", "title", "description", "model")}),
        ("Counts", {"fields": (("message_count", "last_message_at"), "is_general")}),
        (
            "Record",
            {
                "classes": ("collapse",),
                "fields": (
                    "id",
                    "pinned_at",
                    "archived_at",
                    "deleted_at",
                    "created_at",
                    "updated_at",
                ),
            },
        ),
    )
    panels: ClassVar[list[Panel]] = []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Make the user of an existing thread read-only: its messages belong to that user."""
        return self.readonly_fields if obj is None else ("user", *self.readonly_fields)

    @admin.display(description="messages")
    def messages(self, thread: Thread) -> str:
        """Return the number of messages."""
        return f"{thread.message_count:,}"

    @admin.display(description="last message")
    def last_message(self, thread: Thread) -> datetime | None:
        """Return the time of the last message."""
        last: datetime | None = thread.last_message_at
        return last

    @admin.display(description="user")
    def owner(self, thread: Thread) -> str:
        """Return a link to the user's page."""
        return link_to(thread.user)

    @admin.display(description="speaks with")
    def speaker(self, thread: Thread) -> str:
        """Return the persona with its colour, or the assistant."""
        return speaker(thread)


def speaker(thread: Thread) -> str:
    """Return who answers in the thread."""
    if thread.persona is None:
        return "Assistant"
    dot = swatch(thread.persona.color)
    return format_html(
        "{} {}", dot, link("personas_persona", thread.persona_id, thread.persona.name)
    )


def threads_panel(request: HttpRequest, user: User) -> SafeString:
    """Return the panel with the threads that a user used last."""
    recent = Thread.objects.for_user(user).recent().select_related("persona")[:RECENT]
    rows = [
        (link("threads_thread", thread.pk, thread.title), speaker(thread), thread)
        for thread in recent
    ]
    all_threads = f"{reverse('admin:threads_thread_changelist')}?user={user.pk}"
    return render_to_string(
        "admin/threads/of_user.html", {"rows": rows, "all_threads": all_threads}
    )


UserAdmin.panels.append(Panel(Thread, threads_panel))
