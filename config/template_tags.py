"""Template tags that every page uses."""

from datetime import datetime
from functools import cache
from typing import Any

from django import template
from django.forms import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext_lazy

register = template.Library()

# Whole phrases: in German a noun changes after the word for "ago".
AGO: dict[str, Any] = {
    "year": ngettext_lazy("%(num)d year ago", "%(num)d years ago", "num"),
    "month": ngettext_lazy("%(num)d month ago", "%(num)d months ago", "num"),
    "week": ngettext_lazy("%(num)d week ago", "%(num)d weeks ago", "num"),
    "day": ngettext_lazy("%(num)d day ago", "%(num)d days ago", "num"),
    "hour": ngettext_lazy("%(num)d hour ago", "%(num)d hours ago", "num"),
    "minute": ngettext_lazy("%(num)d minute ago", "%(num)d minutes ago", "num"),
}


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """Return the icon `name` of icons.svg, hidden from screen readers."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name
    )


@register.filter
def ago(timestamp: datetime) -> str:
    """Return the time since `timestamp` in its largest unit: "3 weeks ago"."""
    now = timezone.now()
    if (now - timestamp).total_seconds() < 60:
        return gettext("just now")
    return timesince(timestamp, now, time_strings=AGO, depth=1)


@register.filter
def focused(field: BoundField) -> SafeString:
    """Return the widget of `field` with `autofocus`, so that the page opens at it."""
    return field.as_widget(attrs={"autofocus": True})
