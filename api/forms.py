"""What people choose for a new key."""

from __future__ import annotations

import datetime
from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from api.models import ApiKey

LASTS = [
    ("30", gettext_lazy("30 days")),
    ("90", gettext_lazy("90 days")),
    ("365", gettext_lazy("365 days")),
    ("date", gettext_lazy("Until a date")),
    ("never", gettext_lazy("Without end")),
]


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A new key."""

    lasts = forms.ChoiceField(label=gettext_lazy("Valid for"), choices=LASTS, initial="90")
    until = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Only for “Until a date”."),
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scope", "chats"]
        labels = {
            "name": gettext_lazy("Name"),
            "scope": gettext_lazy("May"),
            "chats": gettext_lazy("Its chats are shown"),
        }
        widgets = {
            "name": forms.TextInput(
                attrs={
                    "autocomplete": "off",
                    "placeholder": gettext_lazy("The program that will use it"),
                }
            )
        }
        help_texts = {
            "scope": "“Chat only” lists models and answers chats; it reads nothing that is stored.",
            "chats": gettext_lazy(
                "For programs that ask for titles and tags too, choose “Not kept”."
            ),
        }

    def clean(self) -> dict[str, Any]:
        """Require a coming day where the key is to last until a date."""
        data: dict[str, Any] = super().clean() or {}
        until = data.get("until")
        if data.get("lasts") == "date" and (until is None or until < timezone.localdate()):
            self.add_error("until", _("Choose a day from today on."))
        return data

    def expires_at(self) -> datetime.datetime | None:
        """Return when the key ends; None for never."""
        lasts = self.cleaned_data["lasts"]
        if lasts == "never":
            return None
        if lasts == "date":
            after = self.cleaned_data["until"] + timedelta(days=1)
            return timezone.make_aware(datetime.datetime.combine(after, datetime.time()))
        return timezone.now() + timedelta(days=int(lasts))
