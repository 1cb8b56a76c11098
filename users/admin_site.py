"""The admin's own log-in page, with this project's rate limits."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from users.forms import LogInForm, is_rate_limited


class AdminLogInForm(LogInForm, AdminAuthenticationForm):
    """The site's log-in form, for staff only."""


class AdminSite(admin.AdminSite):
    """Django's admin site; an exceeded rate limit is a 429."""

    login_form = AdminLogInForm

    @method_decorator([never_cache, login_not_required])
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Log in."""
        response: HttpResponse = super().login(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "form" in context and is_rate_limited(context["form"]):
            response.status_code = 429
        return response

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Change the password on the account's own page, which has a rate limit."""
        return redirect("users:change_password")
