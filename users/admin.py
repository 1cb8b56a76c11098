"""Users in the admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.widgets import AdminEmailInputWidget, AdminTextInputWidget
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db import models
from django.forms import Field
from django.http import HttpRequest

from schema.admin.large_tables import BigTableAdmin, Panel
from users.models import User

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
