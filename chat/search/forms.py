"""The search form."""

import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chat.search.query import ROLES, SearchQuery, parse
from personas.models import Persona
from users.models import User

NAMES = {"user": _("You"), "assistant": _("Assistant"), "twin": _("Twin")}


class SearchForm(forms.Form):
    """The query and its filters. Every field is optional; the query may contain filters too."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        strip=False,
        widget=forms.TextInput(
            attrs={
                "type": "search",
                "placeholder": _("Search your messages"),
                "autocomplete": "off",
                "enterkeyhint": "search",
                "data-key": "/",
                "autofocus": True,
            }
        ),
    )
    role = forms.ChoiceField(
        label=_("From"),
        required=False,
        choices=[
            ("", _("Anyone")),
            *((role, NAMES[role]) for role in dict.fromkeys(ROLES.values())),
        ],
    )
    persona = forms.ModelChoiceField(
        label=_("Persona"), required=False, queryset=Persona.objects.none(), empty_label=_("Any")
    )
    thread = forms.CharField(
        label=_("Thread"),
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={"placeholder": _("Any title"), "autocomplete": "off"}),
    )
    after = forms.DateField(
        label=_("After"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    before = forms.DateField(
        label=_("Before"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    best = forms.ChoiceField(
        label=_("Order"), required=False, choices=[("", _("Newest first")), ("1", _("Best first"))]
    )

    def __init__(self, user: User, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        personas = self.fields["persona"]
        if isinstance(personas, forms.ModelChoiceField):
            personas.queryset = Persona.objects.for_user(user)

    def query(self) -> SearchQuery:
        """Return the query. A field with an invalid value is ignored, and the notes say so."""
        self.is_valid()
        data = self.cleaned_data
        # A NUL makes the field invalid, but no word contains one.
        query = parse(data.get("q") or str(self.data.get("q", "")).replace("\0", " "))
        if data.get("role"):
            query.roles.add(data["role"])
        if data.get("persona"):
            query.persona_ids.append(data["persona"].pk)
        if data.get("thread"):
            query.threads.append(data["thread"])
        if data.get("after"):
            after = _start(data["after"])
            query.after = max(query.after or after, after)
        if data.get("before"):
            before = _start(data["before"])
            query.before = min(query.before or before, before)
        query.notes += [
            gettext("%(field)s was ignored: choose a valid value.")
            % {"field": self.fields[name].label}
            for name in self.errors
            if name != "q"
        ]
        return query

    @property
    def is_best_first(self) -> bool:
        """Whether the best matches come first."""
        return bool(self.cleaned_data.get("best"))


def _start(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time()))
