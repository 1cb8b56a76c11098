"""The search page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chat.search.forms import SearchForm
from chat.search.results import find, find_threads
from users.requests import PersonRequest


@require_safe
def search(request: PersonRequest) -> HttpResponse:
    """Show what was found; to htmx, only the results."""
    user = request.user
    form = SearchForm(user, request.GET)
    query = form.query()
    after = request.GET.get("page", "")
    results = find(user, query, best=form.best_first, after=after)
    if not after:
        results.threads = find_threads(user, query)
    address = request.GET.copy()
    address.pop("page", None)
    context = {"form": form, "results": results, "address": address.urlencode(), "after": after}
    template = "chat/search.html"
    if request.headers.get("HX-Request") and not request.headers.get("HX-History-Restore-Request"):
        template = "chat/_more_hits.html" if after else "chat/_results.html"
    response = render(request, template, context)
    response["Vary"] = "HX-Request"
    return response
