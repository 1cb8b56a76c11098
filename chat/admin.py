"""The admin pages of messages, and the messages on the pages of threads and users."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import models
from django.db.models.functions import Left, Length
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from chat.models import ChatMessage
from personas.admin import link, link_to
from schema.admin.large_tables import Panel, chosen
from threads.admin import ThreadAdmin
from threads.models import Thread
from users.admin import UserAdmin
from users.models import User
from users.staff_reads import PrivateRowsAdmin

PAGE = 50
SHOWN = 600  # characters of a message in a list; some messages have megabytes


class MessageForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Move messages only between the threads of one user."""

    class Meta:
        model = ChatMessage
        fields = ("user", "thread", "role", "content")

    def clean(self) -> dict[str, Any]:
        """Refuse the thread of another user."""
        values = super().clean() or {}
        user = values.get("user") or (None if self.instance._state.adding else self.instance.user)
        thread = values.get("thread")
        if user and thread and thread.user_id != user.pk:
            self.add_error("thread", "This thread belongs to another user.")
        return values


@admin.register(ChatMessage)
class ChatMessageAdmin(PrivateRowsAdmin):
    """Messages, newest first."""

    form = MessageForm
    list_display = ("excerpt", "role_badge", "created_at", "in_thread", "owner")
    list_filter = ("role", "created_at", chosen("user"), chosen("thread"))
    search_fields = ("user__email__istartswith",)
    search_help_text = "The beginning of the user's e-mail address, or a whole id."
    user_field = "user"
    key_fields = ("pk", "user", "thread")
    autocomplete_fields = ("user", "thread")
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)
    readonly_fields = ("id", "created_at", "updated_at", "links")
    fieldsets = (
        (None, {"fields": ("links", "user", "thread", "role", "content")}),
        ("Record", {"fields": ("id", "created_at", "updated_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ChatMessage]:
        """Read only the beginning of each message in the list."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and match.url_name == "chat_chatmessage_changelist":
            rows = (
                rows.select_related("user", "thread")
                .defer("content")
                .annotate(beginning=Left("content", 120), length=Length("content"))
            )
        return rows

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Make the user of an existing message read-only."""
        return self.readonly_fields if obj is None else ("user", *self.readonly_fields)

    @admin.display(description=mark_safe('<input type="checkbox" id="action-toggle">'))
    def action_checkbox(self, obj: models.Model) -> SafeString:
        """Return the check box of a message; its default label would read the text."""
        attributes = {"class": "action-select", "aria-label": "Select this message"}
        box = forms.CheckboxInput(attributes, lambda value: False)
        return box.render(ACTION_CHECKBOX_NAME, str(obj.pk))

    @admin.display(description="message")
    def excerpt(self, message: Any) -> str:
        """Return the beginning of the text."""
        more = "…" if message.length > len(message.beginning) else ""
        return (message.beginning + more).strip() or "(empty)"

    @admin.display(description="role")
    def role_badge(self, message: ChatMessage) -> str:
        """Return the role in its colour."""
        return format_html(
            '<span class="badge {}">{}</span>', message.role, message.get_role_display()
        )

    @admin.display(description="thread")
    def in_thread(self, message: ChatMessage) -> str:
        """Return a link to the thread's page."""
        assert message.thread is not None  # noqa: S101 - a trigger sets it
        return link("threads_thread", message.thread_id, message.thread.title)

    @admin.display(description="user")
    def owner(self, message: ChatMessage) -> str:
        """Return a link to the user's page."""
        return link_to(message.user)

    @admin.display(description="belongs to")
    def links(self, message: ChatMessage) -> str:
        """Return links to the thread and the user."""
        if message._state.adding:
            return "-"
        return format_html("{} · {}", self.in_thread(message), self.owner(message))


def messages_of_thread(request: HttpRequest, thread: Thread) -> SafeString:
    """Show a page of a thread's messages, the newest last; the last page is page 0.

    The pages follow from `message_count`, so nothing is counted.
    """
    last = max((thread.message_count - 1) // PAGE, 0)
    asked = request.GET.get("older", "")
    page = min(int(asked) if asked.isdecimal() else 0, last)
    newest_first = (
        ChatMessage.objects.filter(thread=thread)
        .defer("content")
        .annotate(beginning=Left("content", SHOWN), length=Length("content"))
        .order_by("-created_at", "-id")
    )
    shown = list(newest_first[page * PAGE : (page + 1) * PAGE])[::-1]
    return render_to_string(
        "admin/chat/of_thread.html",
        {
            "messages_shown": shown,
            "thread": thread,
            "older": page + 1 if page < last else None,
            "newer": page - 1 if page else None,
            "oldest": last if page < last else None,
            "page": last - page + 1,
            "pages": last + 1,
            "everything": f"{reverse('admin:chat_chatmessage_changelist')}?thread={thread.pk}",
        },
    )


def messages_of_user(request: HttpRequest, user: User) -> SafeString:
    """Link to a user's messages, with their number: the sum of the counts of the threads."""
    total = Thread.objects.for_user(user).aggregate(n=models.Sum("message_count"))["n"] or 0
    everything = f"{reverse('admin:chat_chatmessage_changelist')}?user={user.pk}"
    return render_to_string("admin/chat/of_user.html", {"total": total, "everything": everything})


ThreadAdmin.panels.append(Panel(ChatMessage, messages_of_thread))
UserAdmin.panels.append(Panel(ChatMessage, messages_of_user))
