"""Forms about what a twin is taught."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from personas.teaching.readers.files import MAX_FILE
from personas.teaching.samples import MAX_LENGTH

MAX_PASTED = 500_000


class UploadForm(forms.Form):
    """A file, or a pasted text."""

    file = forms.FileField(
        label=_("File"),
        required=False,
        allow_empty_file=True,  # the reader reports it in a sentence
        help_text=_(
            "A text, Markdown, mail (.eml, .mbox), a WhatsApp or ChatGPT export, or a ZIP of them."
        ),
    )
    pasted = forms.CharField(
        label=_("Or paste text"),
        required=False,
        max_length=MAX_PASTED,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("Mails, messages or notes that you wrote, with empty lines between them."),
    )

    def clean(self) -> None:
        """Require one of the two."""
        has_file = self.cleaned_data.get("file") is not None
        if not self.errors and not has_file and not self.cleaned_data.get("pasted", "").strip():
            self.add_error("file", _("Choose a file, or paste a text."))
        file = self.cleaned_data.get("file")
        if file is not None and (file.size or 0) > MAX_FILE:
            self.add_error("file", _("The file is larger than 100 MB."))


class SampleForm(forms.Form):
    """The text of a sample."""

    text = forms.CharField(
        label=_("Text"), max_length=MAX_LENGTH, widget=forms.Textarea(attrs={"rows": 6})
    )
