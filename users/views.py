"""Pages of the account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from users import accounts
from users.context import THEMES
from users.forms import TAKEN, ConfirmForm, EmailForm, NameForm
from users.navigation import back_to
from users.requests import PersonRequest

YEAR = 365 * 24 * 3600  # seconds


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponseBase:
    """Store the theme and redirect back."""
    value = request.POST.get("theme", "")
    response = redirect(back_to(request))
    if value in THEMES:
        secure = bool(settings.SESSION_COOKIE_SECURE)
        response.set_cookie("theme", value, max_age=YEAR, samesite="Lax", secure=secure)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@require_GET
def account(request: PersonRequest) -> HttpResponse:
    """Show the account."""
    return _account(request)


@require_POST
def change_name(request: PersonRequest) -> HttpResponseBase:
    """Change the name."""
    form = NameForm(request.POST, initial={"name": request.user.name})
    if not form.is_valid():
        return _account(request, name_form=form)
    accounts.change_name(user=request.user, name=form.cleaned_data["name"])
    messages.success(request, _("Your name is saved."))
    return redirect("users:account")


@require_POST
def change_email(request: PersonRequest) -> HttpResponseBase:
    """Change the e-mail address; the password is required."""
    form = EmailForm(request.user, request.POST, prefix="email")
    if form.is_valid():
        try:
            accounts.change_email(user=request.user, email=form.cleaned_data["email"])
        except IntegrityError:
            request.user.refresh_from_db(fields=["email"])
            form.add_error("email", TAKEN)
        else:
            messages.success(request, _("Your e-mail address is changed."))
            return redirect("users:account")
    return _account(request, email_form=form)


@require_POST
def delete(request: PersonRequest) -> HttpResponseBase:
    """Delete the account and all its data; the password is required."""
    form = ConfirmForm(request.user, request.POST, prefix="delete")
    if not form.is_valid():
        return _account(request, delete_form=form)
    user = request.user
    logout(request)
    accounts.delete_account(user=user)
    messages.success(request, _("Your account and all its data are deleted."))
    return redirect("users:log_in")


def _account(request: PersonRequest, **bound: forms.BaseForm) -> HttpResponse:
    """Show the account; `bound` holds a form with errors, if there is one."""
    user = request.user
    context: dict[str, Any] = {
        "name_form": NameForm(instance=user),
        "email_form": EmailForm(user, prefix="email", initial={"email": user.email}),
        "delete_form": ConfirmForm(user, prefix="delete"),
    }
    return render(request, "users/account.html", context | bound, status=422 if bound else 200)
