"""The admin's pages about the API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from api import figures
from api.models import ApiKey, Usage
from personas.admin import link_to
from schema.admin.large_tables import BigTableAdmin, chosen


@admin.register(ApiKey)
class ApiKeyAdmin(BigTableAdmin):
    """Keys, newest first. They can be revoked and deleted; only their owner creates them."""

    list_display = ("name", "hint", "owner", "scope", "state", "expires_at", "last_used_at")
    list_filter = ("scope", "is_login", chosen("user"))
    list_select_related = ("user",)
    search_fields = ("name__istartswith", "user__email__istartswith")
    search_help_text = "The beginning of a name or of the user's e-mail address, or a whole id."
    user_field = "user"
    key_fields = ("pk", "user")
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)
    actions = ("revoke",)
    fields = (
        *("id", "owner", "name", "hint", "scope", "chats", "is_login", "state"),
        *("expires_at", "revoked_at", "last_used_at", "last_client", "created_at"),
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a key is shown once, to whoever makes it."""
        return False

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        """Let nobody in with the keys any more."""
        count = queryset.filter(revoked_at=None).update(revoked_at=timezone.now())
        messages.success(request, f"{count} revoked.")

    @admin.display(description="user")
    def owner(self, key: ApiKey) -> str:
        """Return a link to the user's page."""
        return link_to(key.user)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        """Return whether it lets a program in."""
        return key.state


@admin.register(Usage)
class UsageAdmin(BigTableAdmin):
    """What replies cost: the last 30 days as a chart and by model, and every reply."""

    list_display = (
        *("created_at", "owner", "model", "status", "prompt_tokens", "completion_tokens"),
        *("is_estimated", "duration_ms", "first_text_ms", "key"),
    )
    list_filter = ("status", "created_at", chosen("user"))
    list_select_related = ("user", "key")
    search_fields = ("user__email__istartswith",)
    search_help_text = "The beginning of the user's e-mail address, or a whole id."
    has_user = True
    key_fields = ("pk", "user", "key")
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)
    fields = (
        *("id", "owner", "key", "persona", "model", "status", "prompt_tokens"),
        *("completion_tokens", "is_estimated", "duration_ms", "first_text_ms", "created_at"),
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: replies are counted by themselves."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the site's figures above the list."""
        context: dict[str, Any] = dict(extra_context or {})
        if self.has_view_permission(request):
            rows = figures.recent(Usage.objects.all())
            days = figures.by_day(rows)
            by_model = figures.by_field(rows, "model", "unknown")
            context |= {
                "bars": figures.chart(days),
                "tables": [("Day", days), ("Model", by_model)],
            }
        return super().changelist_view(request, context)

    @admin.display(description="user")
    def owner(self, usage: Usage) -> str:
        """Return a link to the user's page."""
        return link_to(usage.user)
