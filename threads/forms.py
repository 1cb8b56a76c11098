"""Forms about threads."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personas.models import Persona
from threads.models import Thread
from users.forms import check_length

MAX_DESCRIPTION_LENGTH = 2000


class TitleForm(forms.Form):
    """Rename a thread."""

    title = forms.CharField(
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
        error_messages={"required": _("Enter a name for the thread.")},
    )


class ThreadForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at runtime
    """Edit a thread's name, description and persona."""

    class Meta:
        model = Thread
        fields = ["title", "description", "persona"]
        widgets = {
            "title": forms.TextInput(attrs={"autocomplete": "off"}),
            "description": forms.Textarea(attrs={"rows": 3, "maxlength": MAX_DESCRIPTION_LENGTH}),
        }
        labels = {
            "title": _("Title"),
            "description": _("Description"),
            "persona": _("Persona"),
        }
        help_texts = {"persona": _("The persona that answers as your twin.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer only the personas of the thread's user."""
        super().__init__(*args, **kwargs)
        field = self.fields["persona"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = Persona.objects.filter(user=self.instance.user_id).order_by(
                "created_at", "id"
            )
            field.empty_label = gettext("The active persona")

    def clean_description(self) -> str:
        """Limit the length to what a page can show."""
        return check_length(MAX_DESCRIPTION_LENGTH, self, "description")
