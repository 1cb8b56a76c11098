"""Users in the admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.widgets import AdminEmailInputWidget, AdminTextInputWidget
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db import models
from django.forms import Field
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from schema.admin.large_tables import BigTableAdmin, Panel, may_view
from schema.admin.pages import ReadOnlyAdmin
from users.models import StaffRead, User
from users.staff_reads import record

RECENT = 15
PERMISSION_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]  # not generic at runtime
    """Create a user with e-mail address, name and password."""

    class Meta:
        model = User
        fields = ("email", "name")


class UserForm(UserChangeForm):  # type: ignore[type-arg]  # not generic at runtime
    """Change everything except the password, which has its own page."""

    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class UserAdmin(BigTableAdmin, auth_admin.UserAdmin):  # type: ignore[type-arg]  # a custom user model
    """Users, newest first."""

    form = UserForm
    add_form = NewUserForm
    list_display = ("email", "name", "is_active", "is_staff", "created_at", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email__istartswith", "name__istartswith")
    search_help_text = "The beginning of an e-mail address or a name, or a whole id."
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)
    readonly_fields = ("id", "created_at", "updated_at", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser")}),
        (
            "Groups and permissions",
            {"classes": ("collapse",), "fields": ("groups", "user_permissions")},
        ),
        ("Record", {"fields": ("id", "created_at", "updated_at", "last_login")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("email", "name", "usable_password", "password1", "password2"),
            },
        ),
    )
    panels: ClassVar[list[Panel]] = []

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the account, and record it if titles or personas are shown below."""
        response = super().change_view(request, object_id, form_url, extra_context)
        models_shown = {panel.model for panel in self.panels} - {StaffRead}
        shows_words = any(may_view(self.admin_site, model, request) for model in models_shown)
        user = self.get_object(request, object_id)
        if user is not None and shows_words and response.status_code == 200:
            record(request, StaffRead.Page.ACCOUNT, User, [user.pk], row=user.pk)
        return response

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let only superusers grant permissions."""
        fields = self.readonly_fields
        return fields if request.user.is_superuser else (*fields, *PERMISSION_FIELDS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let only superusers change a superuser, or their password."""
        is_protected = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not is_protected and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let only superusers delete a superuser."""
        is_protected = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not is_protected and super().has_delete_permission(request, obj)

    def formfield_for_dbfield(
        self, db_field: models.Field[Any, Any], request: Any, **kwargs: Any
    ) -> Field | None:
        """Use single-line inputs for e-mail address and name, which are text columns."""
        widgets = {"email": AdminEmailInputWidget, "name": AdminTextInputWidget}
        if db_field.name in widgets:
            kwargs["widget"] = widgets[db_field.name]
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(StaffRead)
class StaffReadAdmin(ReadOnlyAdmin):
    """What staff read of other people's words, newest first."""

    list_display = ("created_at", "staff_email", "page", "kind", "rows", "whose")
    list_filter = ("page", "created_at")
    search_fields = ("staff_email__istartswith",)
    search_help_text = _("The beginning of the e-mail address of staff, or a whole id.")
    key_fields = ("pk", "staff", "person", "row")
    ordering = ("-id",)
    sortable_by = ()

    @admin.display(description=_("whose"))
    def whose(self, read: StaffRead) -> str:
        """Return a link to the person's page, which exists unless the account is deleted."""
        address = reverse("admin:users_user_change", args=[read.person])
        return format_html('<a href="{}">{}</a>', address, read.person)


def reads_of_user(request: HttpRequest, user: User) -> SafeString:
    """Show what staff read last of a user's words."""
    rows = StaffRead.objects.filter(person=user.pk).order_by("-id")[:RECENT]
    everything = f"{reverse('admin:users_staffread_changelist')}?q={user.pk}"
    return render_to_string(
        "admin/users/reads_of_user.html", {"rows": rows, "everything": everything}
    )


UserAdmin.panels.append(Panel(StaffRead, reads_of_user))
