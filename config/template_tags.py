"""Template tags that every page uses."""

from datetime import datetime

from django import template
from django.forms import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return the icon `name` of icons.svg, hidden from screen readers."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        static("icons.svg"),
        name,
    )


@register.filter
def ago(timestamp: datetime) -> str:
    """Return the time since `timestamp` in its largest unit: "3 weeks ago"."""
    now = timezone.now()
    if (now - timestamp).total_seconds() < 60:
        return "just now"
    return f"{timesince(timestamp, now, depth=1)} ago"


@register.filter
def focused(field: BoundField) -> SafeString:
    """Return the widget of `field` with `autofocus`, so that the page opens at it."""
    return field.as_widget(attrs={"autofocus": True})
