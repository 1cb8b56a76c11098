"""Compress pages, and hide from observers how long they are."""

from __future__ import annotations

import gzip
import secrets

import brotli  # type: ignore[import-untyped]  # it has no types
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin

# Shorter answers gain nothing. Everything else is an image, a download or a stream.
SMALLEST = 500  # bytes
KINDS = ("text/html", "text/javascript")
# Speed matters more than the last percent: a page of 40 kB takes less than a millisecond.
BROTLI_QUALITY = 4
GZIP_LEVEL = 5
# An attacker who lets a browser ask for pages that repeat a guess, such as a search, learns from
# the compressed length whether the guess is part of the page (BREACH). Padding of random length
# hides it; Django's GZipMiddleware adds as much.
MOST_PADDING = 100  # characters


class CompressionMiddleware(MiddlewareMixin):
    """Compress pages with Brotli or gzip, whichever the browser accepts."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Return the answer, compressed if that is worth it."""
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if (
            not isinstance(response, HttpResponse)
            or kind not in KINDS
            or len(response.content) < SMALLEST
            or response.has_header("Content-Encoding")
        ):
            return response
        patch_vary_headers(response, ["Accept-Encoding"])
        encoding = accepted(request.headers.get("Accept-Encoding", ""))
        if encoding:
            content = response.content + (padding() if kind == "text/html" else b"")
            response.content = compress(content, encoding)
            response.headers["Content-Encoding"] = encoding
            response.headers["Content-Length"] = str(len(response.content))
        return response


def accepted(header: str) -> str:
    """Return the best encoding that an Accept-Encoding header allows; empty for none."""
    weights = {}
    for item in header.lower().split(","):
        name, _, weight = item.replace(" ", "").partition(";q=")
        weights[name] = weight
    for name in ("br", "gzip"):
        if name in weights and weights[name] not in {"0", "0.0", "0.00", "0.000"}:
            return name
    return ""


def compress(content: bytes, encoding: str) -> bytes:
    """Return `content` in an encoding that `accepted` returns."""
    if encoding == "br":
        return bytes(brotli.compress(content, quality=BROTLI_QUALITY))
    return gzip.compress(content, GZIP_LEVEL, mtime=0)


def padding() -> bytes:
    """Return an HTML comment of random length and content."""
    length = secrets.randbelow(MOST_PADDING) + 1
    return b"<!-- %s -->" % secrets.token_urlsafe(MOST_PADDING)[:length].replace("-", "_").encode()
