"""The language of a page, and the texts that scripts show."""

from __future__ import annotations

import hashlib
from functools import cache

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_GET
from django.views.i18n import JavaScriptCatalog

# Programs read these answers: whatever language their user prefers, they stay English.
ENGLISH_PATHS = ("/api/", "/v1/", "/health")
# The language that the source is written in needs no catalogue.
SOURCE_LANGUAGE = "en"
YEAR = 365 * 24 * 3600  # seconds


class LanguageMiddleware(LocaleMiddleware):
    """Choose the language of a page: the cookie's, or the browser's."""

    def process_request(self, request: HttpRequest) -> None:
        """Activate the language."""
        if request.path_info.startswith(ENGLISH_PATHS):
            translation.activate(SOURCE_LANGUAGE)
            request.LANGUAGE_CODE = SOURCE_LANGUAGE
        else:
            super().process_request(request)


@cache
def catalog_script(language: str) -> bytes:
    """Return the script that defines `gettext` and the translated texts of a language."""
    with translation.override(language):
        # The package only keeps the texts of Django's admin out; ours are in LOCALE_PATHS.
        view = JavaScriptCatalog(packages=["users"])
        return bytes(view.get(HttpRequest()).content)


@cache
def catalog_digest(language: str) -> str:
    """Return what changes with the content of `catalog_script`."""
    return hashlib.sha256(catalog_script(language)).hexdigest()[:12]


def catalog_url(language: str) -> str:
    """Return the address of `catalog_script`, which changes with its content."""
    return reverse("texts", args=[language, catalog_digest(language)])


@login_not_required
@require_GET
def texts(request: HttpRequest, language: str, digest: str) -> HttpResponse:
    """Serve `catalog_script`. Browsers may keep it: another content has another address.

    During an upgrade a worker may be asked for the content of another release.
    """
    if language not in dict(settings.LANGUAGES):
        raise Http404
    response = HttpResponse(catalog_script(language), "text/javascript; charset=utf-8")
    if digest == catalog_digest(language):
        patch_cache_control(response, public=True, max_age=YEAR, immutable=True)
    return response
