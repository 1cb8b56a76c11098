"""Template tags of the look that every page shares."""

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
    """Draw the icon `name` of icons.svg; what it stands for is said by the text beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        static("icons.svg"),
        name,
    )


@register.filter
def ago(moment: datetime) -> str:
    """Say how long ago, in the largest unit only: "3 weeks ago"."""
    now = timezone.now()
    if (now - moment).total_seconds() < 60:
        return "just now"
    return f"{timesince(moment, now, depth=1)} ago"


@register.filter
def focused(field: BoundField) -> SafeString:
    """Draw a form's field so that the page opens at it, wherever on the page it stands."""
    return field.as_widget(attrs={"autofocus": True})
