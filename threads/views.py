"""Pages of threads."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from threads import listing, organising
from threads.context import Sidebar
from threads.forms import ThreadForm, TitleForm
from threads.listing import ThreadState
from threads.models import Thread
from threads.palette import find_targets
from users.navigation import back_to
from users.requests import PersonRequest


@require_GET
def home(request: PersonRequest) -> HttpResponseBase:
    """Redirect to the latest thread, or show the welcome page."""
    latest = Thread.objects.for_user(request.user).current().recent().first()
    if latest:
        return redirect(latest)
    return render(request, "threads/welcome.html")


@require_GET
def index(request: PersonRequest) -> HttpResponse:
    """Show a page of the list; htmx requests only the rows."""
    words = request.GET.get("q", "")[:200]
    after = request.GET.get("after", "")
    state = request.GET.get("show", ThreadState.CURRENT)
    if state not in ThreadState.values:
        raise Http404
    try:
        page = listing.page(request.user, state=ThreadState(state), words=words, after=after)
    except listing.InvalidCursorError:
        raise Http404 from None
    context = {"page": page, "words": words, "state": state, "states": ThreadState.choices}
    partial = request.htmx and not request.htmx.history_restore_request
    return render(request, "threads/_rows.html" if partial else "threads/list.html", context)


@require_GET
def sidebar(request: PersonRequest) -> HttpResponse:
    """Show more threads in the sidebar, after `?after=` and under the heading `?under=`."""
    try:
        more = Sidebar(request.user, request.GET.get("after", ""))
    except listing.InvalidCursorError:
        raise Http404 from None
    context = {"sidebar": more, "continued": request.GET.get("under", "")}
    return render(request, "threads/_sidebar_groups.html", context)


@require_GET
def menu(request: PersonRequest, thread: UUID) -> HttpResponseBase:
    """Show what can be done with a thread, as an open menu; without htmx, its edit page."""
    found = _thread(request, thread)
    if not request.htmx:
        return redirect("threads:edit", found.pk)
    return render(request, "threads/_menu.html", {"thread": found})


@require_GET
def palette(request: PersonRequest) -> HttpResponse:
    """Show threads, personas and actions whose name contains `?q=`.

    htmx requests the whole palette, or with `?q=` its options.
    """
    words = request.GET.get("q", "")[:200]
    context = {"groups": find_targets(request.user, words), "words": words}
    template = "threads/palette.html"
    if request.htmx:
        template = "threads/_options.html" if "q" in request.GET else "threads/_palette.html"
    return render(request, template, context)


@require_POST
def create(request: PersonRequest) -> HttpResponseBase:
    """Redirect to a new thread."""
    return redirect(organising.start_thread(user=request.user))


@require_http_methods(["GET", "POST"])
def edit(request: PersonRequest, thread: UUID) -> HttpResponseBase:
    """Edit a thread's name, description and persona."""
    found = _thread(request, thread)
    old_title = found.title
    form = ThreadForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        if data["title"] != old_title:
            organising.rename(thread=found, title=data["title"])
        organising.describe(thread=found, description=data["description"], persona=data["persona"])
        messages.success(request, _("The thread is saved."))
        return redirect(found)
    status = 422 if form.errors else 200
    return render(request, "threads/edit.html", {"form": form, "thread": found}, status=status)


@require_http_methods(["GET", "POST"])
def rename(request: PersonRequest, thread: UUID) -> HttpResponseBase:
    """Rename a thread in place; without htmx, on its edit page."""
    found = _thread(request, thread)
    if not request.htmx and request.method == "GET":
        return redirect("threads:edit", found.pk)
    form = TitleForm(request.POST or None, initial={"title": found.title})
    if request.method == "POST" and form.is_valid():
        organising.rename(thread=found, title=form.cleaned_data["title"])
        if not request.htmx:
            return redirect(back_to(request))
        return render(request, "threads/_renamed.html", {"thread": found})
    if "keep" in request.GET:
        return render(request, "threads/_heading.html", {"thread": found})
    context = {"form": form, "thread": found}
    return render(request, "threads/_rename.html", context, status=422 if form.errors else 200)


@require_POST
def pin(request: PersonRequest, thread: UUID) -> HttpResponseBase:
    """Pin a thread, or unpin it."""
    organising.pin(thread=_thread(request, thread), pinned="off" not in request.POST)
    return redirect(back_to(request))


@require_POST
def archive(request: PersonRequest, thread: UUID) -> HttpResponseBase:
    """Archive a thread, or unarchive it."""
    found = _thread(request, thread)
    archived = "off" not in request.POST
    organising.archive(thread=found, archived=archived)
    told = _("“%(title)s” is archived.") if archived else _("“%(title)s” is no longer archived.")
    messages.success(request, told % {"title": found.title})
    return redirect(back_to(request))


@require_POST
def delete(request: PersonRequest, thread: UUID) -> HttpResponseBase:
    """Delete a thread, and offer to undo it."""
    found = _thread(request, thread)
    organising.delete(thread=found)
    undo = reverse("threads:restore", args=[found.pk])
    messages.success(
        request, _("“%(title)s” is deleted.") % {"title": found.title}, extra_tags=f"undo: {undo}"
    )
    return redirect(_page_without(found, request))


@require_POST
def restore(request: PersonRequest, thread: UUID) -> HttpResponseBase:
    """Restore a deleted thread."""
    found = get_object_or_404(Thread.objects.deleted_by(request.user), pk=thread)
    organising.restore(thread=found)
    messages.success(request, _("“%(title)s” is restored.") % {"title": found.title})
    return redirect(back_to(request))


def _thread(request: PersonRequest, thread: UUID) -> Thread:
    """Return the user's own thread, or raise Http404."""
    return get_object_or_404(
        Thread.objects.for_user(request.user).select_related("persona"), pk=thread
    )


def _page_without(thread: Thread, request: HttpRequest) -> str:
    """Return the page that sent the form, unless it shows the deleted thread."""
    back = back_to(request)
    return reverse("threads:home") if str(thread.pk) in back else back
