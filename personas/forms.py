"""Forms about personas."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from personas.models import DEFAULT_COLOR, Persona
from personas.voice import Voice, lines_of
from users.forms import MAX_NAME_LENGTH, check_length

MAX_DESCRIPTION_LENGTH = 500


class PersonaForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at runtime
    """Edit a persona and its voice."""

    instructions = forms.CharField(
        label=_("How it should speak"),
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Opinions, habits and things to avoid: “short sentences, never a pun”."),
    )
    tone = forms.CharField(
        required=False, max_length=200, help_text=_("A few words: warm, dry, direct.")
    )
    common_phrases = forms.CharField(
        label=_("Common phrases"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Phrases you often use, one per line."),
    )
    rules = forms.CharField(
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What the twin must always do or never do, one rule per line."),
    )

    class Meta:
        model = Persona
        fields = ["name", "description", "color"]
        labels = {"name": _("Name"), "description": _("Description"), "color": _("Colour")}
        widgets = {
            "name": forms.TextInput(attrs={"maxlength": MAX_NAME_LENGTH, "autocomplete": "off"}),
            "description": forms.TextInput(attrs={"maxlength": MAX_DESCRIPTION_LENGTH}),
            "color": forms.TextInput(attrs={"type": "color"}),
        }
        help_texts = {
            "name": _("Your name, or a side of you: “Work me”."),
            "description": _("Its purpose. Only you see it, and the model when the twin answers."),
            "color": _("Marks the twin's messages."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Fill in the voice from the metadata."""
        super().__init__(*args, **kwargs)
        voice = Voice.read(self.instance.metadata)
        self.initial.update(
            {
                "instructions": voice.instructions,
                "tone": voice.tone,
                "common_phrases": "\n".join(voice.common_phrases),
                "rules": "\n".join(voice.rules),
            }
        )
        self.initial.setdefault("color", DEFAULT_COLOR)

    def clean_name(self) -> str:
        """Limit the length to what pages can show."""
        return check_length(MAX_NAME_LENGTH, self, "name")

    def clean_description(self) -> str:
        """Limit the length to a few sentences."""
        return check_length(MAX_DESCRIPTION_LENGTH, self, "description")

    def save(self, commit: bool = True) -> Persona:
        """Save the persona with its voice, and keep unknown metadata."""
        data = self.cleaned_data
        voice = Voice(
            instructions=data["instructions"].strip(),
            tone=data["tone"].strip(),
            common_phrases=lines_of(data["common_phrases"]),
            rules=lines_of(data["rules"]),
        )
        self.instance.metadata = voice.written_into(self.instance.metadata)
        saved: Persona = super().save(commit)
        return saved
