"""The search page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chat.search.forms import SearchForm
from chat.search.results import search_messages, search_threads
from users.requests import PersonRequest


@require_safe
def search(request: PersonRequest) -> HttpResponse:
    """Show the search page; to htmx, only the results or the next page of them."""
    form = SearchForm(request.user, request.GET)
    query = form.query()
    after = request.GET.get("page", "")
    results = search_messages(request.user, query, best=form.is_best_first, after=after)
    if not after:
        results.threads = search_threads(request.user, query)
    parameters = request.GET.copy()
    parameters.pop("page", None)
    context = {
        "form": form,
        "results": results,
        "parameters": parameters.urlencode(),
        "after": after,
    }
    template = "chat/search.html"
    if request.headers.get("HX-Request") and not request.headers.get("HX-History-Restore-Request"):
        template = "chat/_more_hits.html" if after else "chat/_results.html"
    response = render(request, template, context)
    response["Vary"] = "HX-Request"
    return response
