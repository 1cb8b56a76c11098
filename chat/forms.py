"""What the pages of a conversation send."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms

from chat.models import Reply

MOST_CHARACTERS = 100_000


class VoiceForm(forms.Form):
    """Who is to answer."""

    voice = forms.ChoiceField(choices=Reply.Voice, required=False)

    def clean_voice(self) -> str:
        """Return the voice, the assistant's if none was said."""
        return self.cleaned_data["voice"] or Reply.Voice.ASSISTANT


class ModelForm(forms.Form):
    """Which model a thread uses; none means the site's."""

    model = forms.CharField(max_length=255, required=False)


class TextField(forms.CharField):
    """A text whose lines end as everywhere but in forms, so that each end counts once."""

    def to_python(self, value: Any) -> str:
        """Return the text."""
        return str(super().to_python(value)).replace("\r\n", "\n")


class MessageForm(VoiceForm):
    """What the person says, with a key that the page made for it."""

    text = TextField(
        max_length=MOST_CHARACTERS,
        strip=False,
        widget=forms.Textarea,
        error_messages={
            "required": "Write something first.",
            "max_length": f"A message has {MOST_CHARACTERS:,} characters at most."
            " Split it into several.",
        },
    )
    key = forms.UUIDField(required=False, error_messages={"invalid": "Send it again."})

    def clean_text(self) -> str:
        """Return the text without blank lines around it; it has to say something."""
        text = str(self.cleaned_data["text"]).strip("\r\n").rstrip()
        if not text.strip():
            raise forms.ValidationError("Write something first.")
        return text

    def sent(self) -> dict[str, Any]:
        """Return the arguments of `send_message` that the person gave."""
        key: uuid.UUID | None = self.cleaned_data["key"]
        return {"text": self.cleaned_data["text"], "voice": self.cleaned_data["voice"], "key": key}


def first_error(form: forms.Form) -> str:
    """Return the first thing that is wrong, as a sentence."""
    return str(next(iter(form.errors.values()))[0])
