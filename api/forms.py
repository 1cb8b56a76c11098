"""What people choose for a new key."""

from __future__ import annotations

import datetime
from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from api.models import ApiKey

LASTS = [
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "365 days"),
    ("date", "Until a date"),
    ("never", "Without end"),
]


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A new key."""

    lasts = forms.ChoiceField(label="Valid for", choices=LASTS, initial="90")
    until = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Only for “Until a date”.",
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scope", "chats"]
        labels = {"scope": "May", "chats": "Its chats are shown"}
        widgets = {
            "name": forms.TextInput(
                attrs={"autocomplete": "off", "placeholder": "The program that will use it"}
            )
        }
        help_texts = {
            "scope": "“Chat only” lists models and answers chats; it reads nothing that is stored.",
            "chats": "For programs that ask for titles and tags too, choose “Not kept”.",
        }

    def clean(self) -> dict[str, Any]:
        """Require a coming day where the key is to last until a date."""
        data: dict[str, Any] = super().clean() or {}
        until = data.get("until")
        if data.get("lasts") == "date" and (until is None or until < timezone.localdate()):
            self.add_error("until", "Choose a day from today on.")
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
