"""The search page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chat.search.forms import SearchForm
from chat.search.results import Hit, search_messages, search_threads
from personas.models import Persona
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
    name_twins(results.hits)
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


def name_twins(hits: list[Hit]) -> None:
    """Name the personas that wrote the hits: the reply's, or that of the thread."""
    written = [hit for hit in hits if hit.role == "twin"]
    if not written:
        return
    of_replies = Persona.objects.filter(replies__answer__in=[hit.id for hit in written])
    names = dict(of_replies.values_list("replies__answer", "name"))
    of_threads = Persona.objects.filter(threads__in={hit.thread_id for hit in written})
    names |= dict(of_threads.values_list("threads", "name"))
    for hit in written:
        hit.twin = names.get(hit.id) or names.get(hit.thread_id, "")
