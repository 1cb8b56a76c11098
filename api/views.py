"""The account's pages about the API."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from api import figures, keys
from api.forms import KeyForm
from api.models import ApiKey, Usage
from users.requests import PersonRequest

SHOWN = 200


@never_cache
@require_http_methods(["GET", "POST"])
def key_list(request: PersonRequest) -> HttpResponse:
    """Show the keys, and make one; the new key itself is shown this once."""
    form = KeyForm(request.POST or None)
    token = ""
    if request.method == "POST" and form.is_valid():
        chosen = {name: form.cleaned_data[name] for name in ("name", "scope", "chats")}
        try:
            _, token = keys.create_key(user=request.user, expires_at=form.expires_at(), **chosen)
        except keys.TooManyKeysError:
            form.add_error(None, f"You have {keys.MOST_KEYS} keys. Revoke one first.")
        else:
            form = KeyForm()
    context = {
        "form": form,
        "token": token,
        "keys": ApiKey.objects.for_user(request.user)[:SHOWN],
        "base_url": request.build_absolute_uri("/v1"),
    }
    return render(request, "api/keys.html", context, status=422 if form.errors else 200)


@require_POST
def revoke_key(request: PersonRequest, apikey: UUID) -> HttpResponseBase:
    """Revoke one key."""
    key = get_object_or_404(ApiKey.objects.for_user(request.user), pk=apikey)
    keys.revoke(key=key)
    messages.success(request, f"“{key.name}” is revoked.")
    return redirect("api:keys")


@require_GET
def usage(request: PersonRequest) -> HttpResponse:
    """Show what the replies to the person cost."""
    rows = figures.recent(Usage.objects.filter(user=request.user))
    days = figures.by_day(rows)
    context = {
        "total": figures.total(rows),
        "bars": figures.chart(days),
        "tables": [
            (_("Day"), days),
            (_("Persona"), figures.by_field(rows, "persona__name", _("Assistant"))),
            (_("Model"), figures.by_field(rows, "model", _("unknown"))),
            (_("Key"), figures.by_field(rows, "key__name", _("none: on the site"))),
        ],
    }
    return render(request, "api/usage.html", context)
