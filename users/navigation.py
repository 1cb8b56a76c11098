"""Redirect targets."""

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme


def site_url(request: HttpRequest) -> str:
    """Return the address of this site for a link in a mail, without a trailing slash.

    It is SITE_URL, or the host of the request, which ALLOWED_HOSTS has checked. The port is never
    that of the Host header: it would lead to whatever listens there.
    """
    if settings.SITE_URL:
        return str(settings.SITE_URL)
    scheme = "https" if request.is_secure() else "http"
    host, _ = split_domain_port(request.get_host())
    port = str(request.META.get("SERVER_PORT", ""))
    is_standard = settings.BEHIND_PROXY or port in {"", "443" if request.is_secure() else "80"}
    return f"{scheme}://{host}" if is_standard else f"{scheme}://{host}:{port}"


def back_to(request: HttpRequest) -> str:
    """Return the page of this site that sent the form, or the home page."""
    referer = request.META.get("HTTP_REFERER", "")
    safe = url_has_allowed_host_and_scheme(referer, {request.get_host()}, request.is_secure())
    return referer if safe else resolve_url(settings.LOGIN_REDIRECT_URL)
