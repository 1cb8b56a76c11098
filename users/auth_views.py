"""Views for getting in: log-in and passwords."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from users import attempts, devices
from users.forms import TOO_MANY, ChangePasswordForm, LogInForm, ResetForm
from users.models import User


class Refusing:
    """Answers a form that is not right with 422, or 429 after too many attempts."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show what is wrong."""
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]  # a mix-in
        refused = any(form.has_error(name, "refused") for name in form.errors)
        response.status_code = 429 if refused else 422
        return response


@method_decorator(login_not_required, name="dispatch")
class LogIn(Refusing, views.LoginView):
    """Log in by e-mail and password."""

    template_name = "users/log_in.html"
    authentication_form = LogInForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        """Let the person in, and make the device known to the account."""
        response = super().form_valid(form)
        devices.remember(self.request, response, form.get_user().email)
        return response


class ChangePassword(Refusing, views.PasswordChangeView):
    """Change the password, with the old one; every other session ends."""

    template_name = "users/change_password.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("users:account")

    def form_valid(self, form: Any) -> HttpResponse:
        """Save the new password."""
        messages.success(
            self.request, "Your password is changed, and you are logged out elsewhere."
        )
        return super().form_valid(form)


@method_decorator(login_not_required, name="dispatch")
class Reset(Refusing, views.PasswordResetView):
    """Ask for a mail with a link for a new password."""

    template_name = "users/reset.html"
    email_template_name = "users/mail/reset.txt"
    form_class = ResetForm
    success_url = reverse_lazy("users:reset_sent")

    def form_valid(self, form: Any) -> HttpResponse:
        """Send the mail, if there is an account and this address has not asked too often."""
        if not attempts.RESET_ADDRESS.take(attempts.address_of(self.request)):
            form.add_error(None, TOO_MANY)
            response = self.form_invalid(form)
            response.status_code = 429
            return response
        return super().form_valid(form)


@method_decorator(login_not_required, name="dispatch")
class ResetSent(views.PasswordResetDoneView):
    """Say to look for the mail, whether or not there is one."""

    template_name = "users/reset_sent.html"


@method_decorator([never_cache, login_not_required], name="dispatch")
class ResetConfirm(Refusing, views.PasswordResetConfirmView):
    """Choose a new password, with the link of a mail."""

    template_name = "users/reset_confirm.html"
    success_url = reverse_lazy("users:log_in")

    def form_valid(self, form: Any) -> HttpResponse:
        """Save the password and forget the wrong ones: whoever reads the mail is the owner."""
        response = super().form_valid(form)
        if isinstance(form.user, User):
            attempts.ACCOUNT.forget(form.user.email.lower())
        messages.success(self.request, "Your new password is saved. Log in with it.")
        return response
