"""What people say about a persona."""

from __future__ import annotations

from typing import Any

from django import forms

from personas.models import DEFAULT_COLOR, Persona
from personas.voice import MOST_SAMPLES, Voice, lines_of, paragraphs_of
from users.forms import MOST_IN_NAME, at_most

MOST_IN_DESCRIPTION = 500


class PersonaForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A persona, and how it should speak."""

    instructions = forms.CharField(
        label="How it should speak",
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Views, habits, things to avoid: “short sentences, never a pun”.",
    )
    tone = forms.CharField(
        required=False, max_length=200, help_text="A few words: warm, dry, direct."
    )
    common_phrases = forms.CharField(
        label="Common phrases",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What you say often, one a line.",
    )
    sample_texts = forms.CharField(
        label="Sample texts",
        required=False,
        max_length=40_000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=f"Up to {MOST_SAMPLES} mails or messages of yours, an empty line between them.",
    )

    class Meta:
        model = Persona
        fields = ["name", "description", "color"]
        labels = {"color": "Colour"}
        widgets = {
            "name": forms.TextInput(attrs={"maxlength": MOST_IN_NAME, "autocomplete": "off"}),
            "description": forms.TextInput(attrs={"maxlength": MOST_IN_DESCRIPTION}),
            "color": forms.TextInput(attrs={"type": "color"}),
        }
        help_texts = {
            "name": "Yours, or that of a side of you: “Work me”.",
            "description": "What it is for. Only you see this, and the model when the twin speaks.",
            "color": "Shown wherever the twin speaks.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Fill in the voice that the metadata tells of."""
        super().__init__(*args, **kwargs)
        voice = Voice.read(self.instance.metadata)
        self.initial.update(
            {
                "instructions": voice.instructions,
                "tone": voice.tone,
                "common_phrases": "\n".join(voice.common_phrases),
                "sample_texts": "\n\n".join(voice.sample_texts),
            }
        )
        self.initial.setdefault("color", DEFAULT_COLOR)

    def clean_name(self) -> str:
        """Keep names short enough for the places that show them."""
        return at_most(MOST_IN_NAME, self, "name")

    def clean_description(self) -> str:
        """Keep it to a few sentences."""
        return at_most(MOST_IN_DESCRIPTION, self, "description")

    def save(self, commit: bool = True) -> Persona:
        """Save the persona with its voice; unknown metadata stays."""
        data = self.cleaned_data
        voice = Voice(
            instructions=data["instructions"].strip(),
            tone=data["tone"].strip(),
            common_phrases=lines_of(data["common_phrases"]),
            sample_texts=paragraphs_of(data["sample_texts"]),
        )
        self.instance.metadata = voice.written_into(self.instance.metadata)
        saved: Persona = super().save(commit)
        return saved
