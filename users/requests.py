"""The type of an authenticated request."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from users.models import User


class PersonRequest(HttpRequest):
    """A request whose user is logged in, for the type checker."""

    user: User
    htmx: HtmxDetails
