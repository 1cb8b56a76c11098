"""The page that browsers show when the site cannot be reached, and the script that shows it."""

import hashlib
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_GET

STYLES = ("tokens", "elements", "components", "notices")


def _context() -> dict[str, Any]:
    styles = [static(f"css/{name}.css") for name in STYLES]
    version = hashlib.sha256(" ".join(styles).encode()).hexdigest()[:12]
    return {"styles": styles, "offline_url": reverse("offline"), "version": version}


@login_not_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show the page; it has nothing of any user."""
    return render(request, "offline.html", _context())


@login_not_required
@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    """Serve the script from the root: it is for all pages."""
    kind = "text/javascript; charset=utf-8"
    return render(request, "service-worker.js", _context(), content_type=kind)
