"""What people say about a thread."""

from __future__ import annotations

from typing import Any

from django import forms

from personas.models import Persona
from threads.models import Thread
from users.forms import at_most

MOST_IN_DESCRIPTION = 2000


class TitleForm(forms.Form):
    """A thread's name."""

    title = forms.CharField(
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
        error_messages={"required": "A thread needs a name."},
    )


class ThreadForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A thread's name, what it is about, and who speaks in it."""

    class Meta:
        model = Thread
        fields = ["title", "description", "persona"]
        widgets = {
            "title": forms.TextInput(attrs={"autocomplete": "off"}),
            "description": forms.Textarea(attrs={"rows": 3, "maxlength": MOST_IN_DESCRIPTION}),
        }
        help_texts = {"persona": "Who answers when you ask your twin."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the personas of the thread's owner, and of nobody else."""
        super().__init__(*args, **kwargs)
        field = self.fields["persona"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = Persona.objects.filter(user=self.instance.user_id).order_by(
                "created_at", "id"
            )
            field.empty_label = "Whichever is active"

    def clean_description(self) -> str:
        """Keep it to what a page can show."""
        return at_most(MOST_IN_DESCRIPTION, self, "description")
