"""The account's pages."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from users import devices
from users.context import THEMES
from users.forms import LogInForm
from users.models import User
from users.navigation import back_to


@method_decorator(login_not_required, name="dispatch")
class LogIn(LoginView):
    """Log in by e-mail and password; 429 after too many attempts."""

    template_name = "users/log_in.html"
    authentication_form = LogInForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        """Let the person in, and make the device known to the account."""
        response = super().form_valid(form)
        user = form.get_user()
        if isinstance(user, User):
            devices.remember(self.request, response, user.email)
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show what is wrong."""
        response = super().form_invalid(form)
        response.status_code = 429 if form.has_error("__all__", "refused") else 422
        return response


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponseBase:
    """Remember light, dark, or whatever the device says, and go back."""
    wanted = request.POST.get("theme", "")
    response = redirect(back_to(request))
    if wanted in THEMES:
        response.set_cookie(
            "theme",
            wanted,
            max_age=365 * 24 * 3600,
            samesite="Lax",
            secure=bool(settings.SESSION_COOKIE_SECURE),
        )
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response
