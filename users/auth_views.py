"""Log in, and change or reset a password."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from users import devices, invitations, rate_limits
from users.forms import (
    RATE_LIMITED,
    TOO_MANY,
    ChangePasswordForm,
    LogInForm,
    ResetForm,
    is_rate_limited,
)
from users.models import User


class FormStatusMixin:
    """Return 422 for an invalid form, or 429 if a rate limit is exceeded."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the errors."""
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]  # a mix-in
        response.status_code = 429 if is_rate_limited(form) else 422
        return response


@method_decorator(login_not_required, name="dispatch")
class LogIn(FormStatusMixin, views.LoginView):
    """Log in by e-mail address and password."""

    template_name = "users/log_in.html"
    authentication_form = LogInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Lead to the sign-up page, if everybody may sign up."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"sign_up_is_open": invitations.is_open()}

    def form_valid(self, form: Any) -> HttpResponse:
        """Log the user in, and remember the device."""
        response = super().form_valid(form)
        devices.remember(self.request, response, form.get_user())
        return response


class ChangePassword(FormStatusMixin, views.PasswordChangeView):
    """Change the password. All other sessions of the user end."""

    template_name = "users/change_password.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("users:account")

    def form_valid(self, form: Any) -> HttpResponse:
        """Save the new password."""
        messages.success(
            self.request, _("Your password is changed. You are logged out on other devices.")
        )
        return super().form_valid(form)


@method_decorator(login_not_required, name="dispatch")
class Reset(FormStatusMixin, views.PasswordResetView):
    """Request a mail with a link to reset the password."""

    template_name = "users/reset.html"
    form_class = ResetForm
    success_url = reverse_lazy("users:reset_sent")

    def form_valid(self, form: Any) -> HttpResponse:
        """Send the mail, if the account exists and no rate limit is exceeded."""
        if not rate_limits.RESET_ADDRESS.hit(rate_limits.client_address(self.request)):
            form.add_error(None, ValidationError(TOO_MANY, code=RATE_LIMITED))
            return self.form_invalid(form)
        return super().form_valid(form)


@method_decorator(login_not_required, name="dispatch")
class ResetSent(views.PasswordResetDoneView):
    """Show the same page whether or not a mail was sent."""

    template_name = "users/reset_sent.html"


@method_decorator([never_cache, login_not_required], name="dispatch")
class ResetConfirm(FormStatusMixin, views.PasswordResetConfirmView):
    """Choose a new password through the link in the mail."""

    template_name = "users/reset_confirm.html"
    success_url = reverse_lazy("users:log_in")

    def form_valid(self, form: Any) -> HttpResponse:
        """Save the password and reset the rate limit: whoever reads the mail owns the account."""
        response = super().form_valid(form)
        if isinstance(form.user, User):
            rate_limits.ACCOUNT.reset(rate_limits.account_subject(form.user.email, form.user))
        messages.success(self.request, _("Your new password is saved. Log in with it."))
        return response
