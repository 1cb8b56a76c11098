"""The account's pages."""

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
    """Remember light, dark, or whatever the device says, and go back."""
    wanted = request.POST.get("theme", "")
    response = redirect(back_to(request))
    if wanted in THEMES:
        secure = bool(settings.SESSION_COOKIE_SECURE)
        response.set_cookie("theme", wanted, max_age=YEAR, samesite="Lax", secure=secure)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@require_GET
def account(request: PersonRequest) -> HttpResponse:
    """Show everything about the account."""
    return _account(request)


@require_POST
def change_name(request: PersonRequest) -> HttpResponseBase:
    """Call the person something else."""
    form = NameForm(request.POST, initial={"name": request.user.name})
    if not form.is_valid():
        return _account(request, name_form=form)
    accounts.change_name(user=request.user, name=form.cleaned_data["name"])
    messages.success(request, "Your name is saved.")
    return redirect("users:account")


@require_POST
def change_email(request: PersonRequest) -> HttpResponseBase:
    """Give the account another e-mail address, with the password."""
    form = EmailForm(request.user, request.POST, prefix="email")
    if form.is_valid():
        try:
            accounts.change_email(user=request.user, email=form.cleaned_data["email"])
        except IntegrityError:
            request.user.refresh_from_db(fields=["email"])
            form.add_error("email", TAKEN)
        else:
            messages.success(request, "Your e-mail address is changed.")
            return redirect("users:account")
    return _account(request, email_form=form)


@require_POST
def delete(request: PersonRequest) -> HttpResponseBase:
    """Delete the account and everything in it, with the password."""
    form = ConfirmForm(request.user, request.POST, prefix="delete")
    if not form.is_valid():
        return _account(request, delete_form=form)
    user = request.user
    logout(request)
    accounts.delete_account(user=user)
    messages.success(request, "Your account and everything in it is deleted.")
    return redirect("users:log_in")


def _account(request: PersonRequest, **bound: forms.BaseForm) -> HttpResponse:
    """Show the account's page; `bound` holds the form that was not right, if one was not."""
    user = request.user
    context: dict[str, Any] = {
        "name_form": NameForm(instance=user),
        "email_form": EmailForm(user, prefix="email", initial={"email": user.email}),
        "delete_form": ConfirmForm(user, prefix="delete"),
    }
    return render(request, "users/account.html", context | bound, status=422 if bound else 200)
