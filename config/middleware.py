"""Middleware for every page."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers
from django.utils.deprecation import MiddlewareMixin


class NeverCacheMiddleware(MiddlewareMixin):
    """Forbid caches to store a page, unless its view decides otherwise.

    Pages show what belongs to one user. Static files are served before this middleware.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Add the headers."""
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response
