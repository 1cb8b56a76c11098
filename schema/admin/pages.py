"""Admin pages for the operator: migration history, quarantine."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.db import connection, models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.text import Truncator

from schema.admin.large_tables import BigTableAdmin, may_view
from schema.history.status import migration_status
from schema.models import BatchProgress, MigrationRun, QuarantinedRow
from schema.quarantine import RowDoesNotFitError, put_back, table_model


class ReadOnlyAdmin(BigTableAdmin):
    """Shows what the commands wrote; nobody writes it by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


@admin.register(MigrationRun)
class MigrationRunAdmin(ReadOnlyAdmin):
    """Every attempt to migrate, the latest first."""

    list_display = ("migration", "direction", "shown_outcome", "started_at", "took", "operator")
    list_filter = ("outcome", "direction", "app")
    search_fields = ("name__istartswith", "app__istartswith")
    search_help_text = "The beginning of a migration's name or of an app's."
    ordering = ("-id",)

    @admin.display(description="migration", ordering="id")
    def migration(self, run: MigrationRun) -> str:
        """Return the app and the name."""
        return f"{run.app}.{run.name}"

    @admin.display(description="outcome")
    def shown_outcome(self, run: MigrationRun) -> str:
        """Return the outcome in its colour."""
        return format_html(
            '<span class="badge {}">{}</span>', run.outcome, run.get_outcome_display()
        )

    @admin.display(description="took")
    def took(self, run: MigrationRun) -> str:
        """Return how long it took."""
        return in_seconds(run.finished_at - run.started_at) if run.finished_at else ""


@admin.register(BatchProgress)
class BatchProgressAdmin(ReadOnlyAdmin):
    """How far the batched data steps have come."""

    list_display = ("app", "name", "step", "rows_done", "updated_at", "finished_at")
    ordering = ("-id",)


@admin.register(QuarantinedRow)
class QuarantinedRowAdmin(BigTableAdmin):
    """Rows that a constraint refused. They may be corrected and put back."""

    list_display = ("table_name", "reason", "excerpt", "quarantined_at")
    list_filter = ("table_name",)
    search_fields = ("reason__istartswith", "table_name")
    search_help_text = "The table, or the beginning of the reason."
    readonly_fields = ("table_name", "reason", "quarantined_at")
    fields = ("table_name", "reason", "quarantined_at", "row")
    ordering = ("-id",)
    actions = ("put_rows_back",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: rows come here by themselves."""
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[QuarantinedRow]:
        """Show the rows of those tables that the user may view, and of all to superusers.

        A table without a page in the admin has no permission that would show its rows.
        """
        rows: models.QuerySet[QuarantinedRow] = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        shown = [
            model._meta.db_table
            for model in self.admin_site._registry
            if may_view(self.admin_site, model, request)
        ]
        return rows.filter(table_name__in=shown)

    @admin.display(description="row")
    def excerpt(self, quarantined: QuarantinedRow) -> str:
        """Return the beginning of the row."""
        return Truncator(json.dumps(quarantined.row, ensure_ascii=False)).chars(100)

    @admin.action(description="Put back into the table", permissions=["change"])
    def put_rows_back(
        self, request: HttpRequest, queryset: models.QuerySet[QuarantinedRow]
    ) -> None:
        """Insert each row again, and say which ones are back and why others are not."""
        back = 0
        for quarantined in queryset:
            number = quarantined.pk
            model = table_model(quarantined.table_name)
            if model is not None and not request.user.has_perm(permission_to_add(model)):
                text = f"Row {number}: you may not add rows to {quarantined.table_name}."
                self.message_user(request, text, messages.ERROR)
                continue
            try:
                put_back(quarantined)
            except RowDoesNotFitError as error:
                text = f"Row {number} of {quarantined.table_name} stays here: {error}"
                self.message_user(request, text, messages.ERROR)
            else:
                back += 1
        if back:
            self.message_user(request, f"{back} put back.", messages.SUCCESS)


def permission_to_add(model: type[models.Model]) -> str:
    """Return the name of the permission to add rows of `model`."""
    return f"{model._meta.app_label}.{get_permission_codename('add', model._meta)}"


def migrations(request: HttpRequest) -> HttpResponse:
    """Show applied and pending migrations to those who may view their runs."""
    if not may_view(admin.site, MigrationRun, request):
        raise PermissionDenied
    status = migration_status(connection)
    applied = [
        (step.name, step.at, in_seconds(step.took) if step.took is not None else "", step.outcome)
        for step in status.applied
    ]
    context = admin.site.each_context(request) | {
        "title": "Migrations",
        "applied": applied,
        "pending": status.pending,
    }
    return TemplateResponse(request, "admin/migrations.html", context)


def in_seconds(duration: timedelta) -> str:
    """Return a duration as people read it."""
    return f"{duration.total_seconds():,.2f} s"
