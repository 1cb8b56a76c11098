"""The views of links that show a conversation to people without an account."""

from __future__ import annotations

import uuid
from datetime import timedelta
from secrets import token_urlsafe

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat import pages
from chat.models import Share
from threads.models import Thread
from users.requests import PersonRequest

MAX_PER_THREAD = 20


class ShareForm(forms.Form):
    """How long a link works, and what it shows."""

    days = forms.TypedChoiceField(
        label=_("The link works for"),
        choices=[(1, _("a day")), (7, _("a week")), (30, _("30 days")), (0, _("ever"))],
        coerce=int,
        initial=7,
    )
    has_names = forms.BooleanField(
        label=_("Show my name and that of my twin"), required=False, initial=False
    )


@never_cache
@require_http_methods(["GET", "POST"])
def manage(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """List the links to a thread, or make another."""
    found = get_object_or_404(Thread.objects.for_user(request.user), pk=thread)
    shares = Share.objects.filter(thread=found)
    form = ShareForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        shares.filter(expires_at__lt=timezone.now()).delete()
        if shares.count() < MAX_PER_THREAD:
            days = form.cleaned_data["days"]
            expires_at = timezone.now() + timedelta(days=days) if days else None
            has_names = form.cleaned_data["has_names"]
            Share.objects.create(
                thread=found, key=token_urlsafe(24), has_names=has_names, expires_at=expires_at
            )
            return redirect("chat:share", found.pk)
        form.add_error(None, _("There are too many links. Revoke one first."))
    links = [
        (share, request.build_absolute_uri(share.get_absolute_url()))
        for share in shares.working().order_by("-created_at")
    ]
    return render(request, "chat/share.html", {"thread": found, "links": links, "form": form})


@require_POST
def revoke(request: PersonRequest, share: uuid.UUID) -> HttpResponse:
    """Delete a link; nobody sees the conversation through it any more."""
    found = get_object_or_404(Share, pk=share, thread__user=request.user)
    found.delete()
    return redirect("chat:share", found.thread_id)


@login_not_required
@never_cache
@require_safe
def shared(request: PersonRequest, key: str) -> HttpResponse:
    """Show a conversation, page by page, to whoever has the link."""
    share = get_object_or_404(
        Share.objects.working().select_related("thread__user", "thread__persona"), key=key
    )
    key_after = _key(request.GET.get("after", ""))
    after = share.thread.messages.filter(pk=key_after).first() if key_after else None
    page = pages.from_beginning(share.thread, after)
    response = render(request, "chat/shared.html", {"share": share, "page": page})
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
