"""The forms of a conversation."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chat.models import Reply

MAX_CHARACTERS = 100_000


class VoiceForm(forms.Form):
    """Who answers."""

    voice = forms.ChoiceField(choices=Reply.Voice, required=False)

    def clean_voice(self) -> str:
        """Return the voice; by default the assistant's."""
        return self.cleaned_data["voice"] or Reply.Voice.ASSISTANT


class ModelForm(forms.Form):
    """The model of a thread; an empty one means the site's default."""

    model = forms.CharField(max_length=255, required=False)


class TextField(forms.CharField):
    """A text with a single line feed, not CRLF, at the end of each line."""

    def to_python(self, value: Any) -> str:
        """Return the text."""
        return str(super().to_python(value)).replace("\r\n", "\n")


class MessageForm(VoiceForm):
    """A message, with a key that the page has made."""

    text = TextField(
        max_length=MAX_CHARACTERS,
        strip=False,
        widget=forms.Textarea,
        error_messages={
            "required": gettext_lazy("Write something first."),
            "max_length": format_lazy(
                gettext_lazy(
                    "A message can have at most {number} characters. Split it into several."
                ),
                number=lazy(intcomma, str)(MAX_CHARACTERS),
            ),
        },
    )
    key = forms.UUIDField(
        required=False, error_messages={"invalid": gettext_lazy("Send it again.")}
    )

    def clean_text(self) -> str:
        """Return the text without blank lines around it; refuse an empty one."""
        text = str(self.cleaned_data["text"]).strip("\r\n").rstrip()
        if not text.strip():
            raise forms.ValidationError(_("Write something first."))
        return text

    def sent(self) -> dict[str, Any]:
        """Return the form's arguments of `send_message`."""
        key: uuid.UUID | None = self.cleaned_data["key"]
        return {"text": self.cleaned_data["text"], "voice": self.cleaned_data["voice"], "key": key}


def first_error(form: forms.Form) -> str:
    """Return the first error, as a sentence."""
    return str(next(iter(form.errors.values()))[0])
