"""Template tags that show a persona; every template has them."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from personas.models import Persona

register = template.Library()

NO_PERSONA = mark_safe(
    '<svg class="dot" viewBox="0 0 10 10" aria-hidden="true"><circle r="4" fill="none"'
    ' stroke="currentColor" stroke-width="1.5"/></svg>'
)


@register.simple_tag
def avatar(persona: Persona, size: str = "") -> SafeString:
    """Return the persona's initials on its colour; the size is tiny, large or medium."""
    return format_html(
        '<svg class="avatar {}" viewBox="0 0 32 32" aria-hidden="true"><circle fill="{}"/>'
        '<text x="16" y="20.5" fill="{}">{}</text></svg>',
        size,
        persona.color,
        persona.text_color,
        persona.initials,
    )


@register.simple_tag
def dot(color: str | None) -> SafeString:
    """Return a dot of a persona's colour; a ring without one."""
    if not color:
        return NO_PERSONA
    return format_html(
        '<svg class="dot" viewBox="0 0 10 10" aria-hidden="true"><circle r="5" fill="{}"/></svg>',
        color,
    )
