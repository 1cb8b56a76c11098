"""Point at what looks like a secret in a text that is shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from personas.teaching import secrets


@dataclass
class Marked:
    """A text in parts, of which those with a name look like a secret."""

    parts: list[tuple[str, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def marked(text: str) -> Marked:
    """Return the text with its likely secrets marked."""
    names = {
        "key": _("a key"),
        "card": _("a card number"),
        "account": _("an account number"),
        "password": _("a password"),
    }
    result, place = Marked(), 0
    for secret in secrets.find(text):
        if secret.start < place:
            continue
        name = names[secret.kind]
        result.parts += [(text[place : secret.start], ""), (text[secret.start : secret.end], name)]
        if name not in result.names:
            result.names.append(name)
        place = secret.end
    result.parts.append((text[place:], ""))
    return result
