"""The page that shows what was learnt of a person's writing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from personas.models import Persona, Sample
from personas.teaching import charts, samples
from personas.teaching.learning import BATCH, strike, struck_out
from personas.teaching.words import NAMES
from users.requests import PersonRequest

MAX_FINDING = 300
PUNCTUATION = {
    "!": gettext_lazy("exclamation mark"),
    "?": gettext_lazy("question mark"),
    "…": gettext_lazy("ellipsis"),
    ";": gettext_lazy("semicolon"),
    ":": gettext_lazy("colon"),
    "—": gettext_lazy("em dash"),
    "–": gettext_lazy("en dash"),
    "(": gettext_lazy("bracket"),
    ",": gettext_lazy("comma"),
    "-": gettext_lazy("hyphen"),
}


@require_http_methods(["GET", "POST"])
def learnt(request: PersonRequest, pk: UUID) -> HttpResponseBase:
    """Show what was learnt; strike a finding out, or take that back."""
    persona = get_object_or_404(Persona.objects.for_user(request.user), pk=pk)
    if request.method == "POST":
        finding = request.POST.get("finding", "")[:MAX_FINDING]
        set_struck_out(persona=persona, finding=finding, out="keep" not in request.POST)
        return redirect("personas:learnt", persona.pk)
    samples.ensure_complete(persona=persona)
    persona.refresh_from_db()
    return _page(request, persona)


@transaction.atomic
def set_struck_out(*, persona: Persona, finding: str, out: bool) -> None:
    """Strike a finding of the persona out, or take that back."""
    locked = samples.lock(persona)
    locked.metadata = strike(locked.metadata, finding, out=out)
    locked.save(update_fields=["metadata", "updated_at"])


def _page(request: PersonRequest, persona: Persona) -> HttpResponse:
    metadata = persona.metadata if isinstance(persona.metadata, dict) else {}
    found = metadata.get("learnt")
    context: dict[str, Any] = {"persona": persona, "section": "learnt", "found": None}
    if isinstance(found, dict) and found.get("samples"):
        context |= {
            "found": found,
            "risk": metadata.get("riskLevel"),
            "tone": _findings(metadata, "tone", [[word, None, []] for word in found["tone"]]),
            "lengths": charts.sentence_lengths(found["sentenceLengths"]),
            "lengths_out": "sentences:length" in struck_out(metadata),
            "lists": _lists(persona, metadata, found),
            "marks": _marks(metadata, found),
            "emoji": _findings(metadata, "emoji", [[*one, []] for one in found["emoji"]]),
            "emoji_percent": round(100 * found["emojiShare"]),
            "languages": [
                one | {"name": NAMES.get(one["text"], one["text"]), "percent": round(share * 100)}
                for one, (_name, share) in zip(
                    _findings(metadata, "languages", [[*one, []] for one in found["languages"]]),
                    found["languages"],
                    strict=True,
                )
            ],
            "formality": charts.formality(found["formality"]),
        }
    return render(request, "personas/teaching/learnt.html", context)


def _lists(
    persona: Persona, metadata: dict[str, Any], found: dict[str, Any]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return openings, closings and phrases with the samples that they come from."""
    kinds = {
        "openings": _("How you begin"),
        "closings": _("How you end"),
        "phrases": _("What you often say"),
    }
    keys = {key for kind in kinds for _text, _count, names in found[kind] for key in names[:2]}
    texts = {str(row.pk): str(row) for row in _named(persona, keys)}
    return [
        (
            title,
            [
                one | {"samples": [texts[key] for key in one["keys"][:2] if key in texts]}
                for one in _findings(metadata, kind, found[kind])
            ],
        )
        for kind, title in kinds.items()
    ]


def _named(persona: Persona, keys: set[str]) -> list[Sample]:
    return list(persona.samples.filter(pk__in=list(keys)[:BATCH]))


def _findings(metadata: dict[str, Any], kind: str, found: list[list[Any]]) -> list[dict[str, Any]]:
    out = struck_out(metadata)
    return [
        {
            "finding": f"{kind}:{text}",
            "text": text,
            "count": count,
            "keys": names,
            "is_out": f"{kind}:{text}" in out,
        }
        for text, count, names in found
    ]


def _marks(metadata: dict[str, Any], found: dict[str, Any]) -> list[dict[str, Any]]:
    rates = [[mark, rate, []] for mark, rate in found["punctuation"].items() if rate >= 1]
    rates.sort(key=lambda one: -one[1])
    most = max((rate for _mark, rate, _keys in rates), default=1)
    return [
        one | {"name": PUNCTUATION.get(one["text"], ""), "width": charts.width(one["count"], most)}
        for one in _findings(metadata, "punctuation", rates)
    ]
