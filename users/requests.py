"""A request by somebody who is logged in."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from users.models import User


class PersonRequest(HttpRequest):
    """What views behind `login_required` are given, for the type checker."""

    user: User
    htmx: HtmxDetails
