"""What the palette leads to: actions, threads and personas, by name."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from personas.models import Persona
from threads.models import Thread
from users.models import User

MOST = 8  # threads, and personas


@dataclass(frozen=True)
class Target:
    """A line of the palette. One that changes something is a button that posts."""

    name: str
    url: str
    icon: str
    changes: bool = False
    persona: Persona | None = None
    sheet: str = ""  # the sheet that shows it, if there is one


@dataclass(frozen=True)
class Group:
    """Targets of one kind, under a heading."""

    name: str
    targets: list[Target]


def find_targets(user: User, words: str) -> list[Group]:
    """Return the targets whose names contain all `words`, in groups that are not empty."""
    threads = Thread.objects.for_user(user).titled(words).listed()[:MOST]
    personas = Persona.objects.for_user(user).named(words)[:MOST]
    groups = [
        Group(_("Actions"), [one for one in actions(user) if contains(one.name, words)]),
        Group(
            _("Threads"), [Target(one.title, one.get_absolute_url(), "threads") for one in threads]
        ),
        Group(_("Personas"), [switching_to(one) for one in personas]),
    ]
    if words.strip():
        search = f"{reverse('chat:search')}?{urlencode({'q': words})}"
        name = _("Search all messages for “%(words)s”") % {"words": words.strip()}
        groups.append(Group(_("Messages"), [Target(name, search, "search")]))
    return [group for group in groups if group.targets]


def actions(user: User) -> list[Target]:
    """Return what can be done from any page."""
    targets = [
        Target(_("New thread"), reverse("threads:create"), "plus", changes=True),
        Target(_("Search"), reverse("chat:search"), "search"),
        Target(_("All threads"), reverse("threads:list"), "threads"),
        Target(_("Archived threads"), f"{reverse('threads:list')}?show=archived", "archive"),
        Target(_("All personas"), reverse("personas:list"), "users"),
        Target(_("New persona"), reverse("personas:create"), "plus"),
        Target(_("Account"), reverse("users:account"), "user"),
        Target(_("Export"), reverse("chat:export"), "download"),
        Target(_("Import"), reverse("chat:import"), "upload"),
        Target(_("Keyboard shortcuts"), reverse("shortcuts"), "keyboard", sheet="shortcuts"),
    ]
    if user.is_staff:
        targets.append(Target(_("Administration"), reverse("admin:index"), "device"))
    return targets


def switching_to(persona: Persona) -> Target:
    """Return the target that activates a persona."""
    url = reverse("personas:switch", args=[persona.pk])
    return Target(persona.name, url, "users", changes=True, persona=persona)


def contains(name: str, words: str) -> bool:
    """Return whether a name contains all words, in any case."""
    return all(word in name.casefold() for word in words.casefold().split())
