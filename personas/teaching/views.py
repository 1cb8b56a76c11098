"""The pages on which a twin is taught."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages as notices
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.body_limits import max_body
from personas.models import Persona, Sample
from personas.teaching import own_messages, process, samples
from personas.teaching.forms import SampleForm, UploadForm
from personas.teaching.marking import marked
from personas.teaching.readers.files import MAX_FILE
from personas.teaching.samples import Added, NewSample
from uploads import kept
from uploads.reading import RefusedError
from users.requests import PersonRequest

PAGE = 50
MAX_NAME = 120


@require_safe
def cards(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Show the samples of a persona, and the form that adds some."""
    persona = _persona(request, pk)
    samples.ensure_complete(persona=persona)
    return _cards(request, persona, UploadForm())


@max_body(MAX_FILE + 1_000_000)  # the form takes some room beside the file
@require_POST
def preview(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Show what is in a file or a pasted text, or why it cannot be read."""
    persona = _persona(request, pk)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _cards(request, persona, form, status=422)
    upload = form.cleaned_data["file"]
    is_file = upload is not None
    if not is_file:
        upload = UploadedFile(ContentFile(form.cleaned_data["pasted"].encode()))
    token = kept.keep(request.user.pk, upload)
    name = str(upload.name or "")[:MAX_NAME] if is_file else ""
    try:
        return _preview(request, persona, token, name)
    except RefusedError as refusal:
        form.add_error("file" if is_file else "pasted", str(refusal))
        return _cards(request, persona, form, status=422)


@require_POST
def add(request: PersonRequest, pk: UUID) -> HttpResponseBase:
    """Add the samples of one speaker, or show the lines of another one."""
    persona = _persona(request, pk)
    token, name = request.POST.get("token", ""), request.POST.get("name", "")[:MAX_NAME]
    speaker = request.POST.get("speaker", "")
    form = UploadForm()
    try:
        if "preview" in request.POST:
            return _preview(request, persona, token, name, speaker)
        path = kept.find(request.user.pk, token)
        if path is None:
            raise RefusedError(process.GONE)
        skips_secrets = "skip_secrets" in request.POST
        read = list(process.texts(path, name, speaker))
        new = [
            NewSample(text, source, name)
            for source, text, has_secret in read
            if not (has_secret and skips_secrets)
        ]
    except RefusedError as refusal:
        form = UploadForm({})
        form.full_clean()
        form.errors.clear()
        form.add_error("file", str(refusal))
        return _cards(request, persona, form, status=422)
    added = samples.add_samples(persona=persona, texts=new)
    path.unlink(missing_ok=True)
    notices.success(request, sentence(added, left_out=len(read) - len(new)))
    return redirect("personas:teach", persona.pk)


@require_http_methods(["GET", "POST"])
def add_messages(request: PersonRequest, pk: UUID) -> HttpResponseBase:
    """Show the person's own messages on this site, and add them."""
    persona = _persona(request, pk)
    texts = own_messages.texts(request.user)
    if request.method == "POST":
        new = [NewSample(text, Sample.Source.MESSAGES) for text in texts]
        notices.success(request, sentence(samples.add_samples(persona=persona, texts=new)))
        return redirect("personas:teach", persona.pk)
    shown = [marked(text) for text in texts[::-1][:20]]
    context = {"persona": persona, "section": "teach", "shown": shown, "count": len(texts)}
    return render(request, "personas/teaching/messages.html", context)


@require_http_methods(["GET", "POST"])
def edit(request: PersonRequest, sample: UUID) -> HttpResponseBase:
    """Edit or remove a sample."""
    found = get_object_or_404(
        Sample.objects.for_user(request.user).select_related("persona"), pk=sample
    )
    if "remove" in request.POST:
        samples.remove_samples(persona=found.persona, keys=[found.pk])
        notices.success(request, _("The sample is removed."))
        return redirect("personas:teach", found.persona_id)
    form = SampleForm(request.POST or None, initial={"text": found.text})
    if request.method == "POST" and form.is_valid():
        try:
            samples.edit_sample(sample=found, text=form.cleaned_data["text"])
        except samples.DuplicateError:
            form.add_error("text", _("Another sample has the same words."))
        else:
            notices.success(request, _("The sample is saved."))
            return redirect("personas:teach", found.persona_id)
    context = {"form": form, "sample": found, "persona": found.persona, "section": "teach"}
    status = 422 if form.errors else 200
    return render(request, "personas/teaching/sample.html", context, status=status)


@require_POST
def remove(request: PersonRequest, pk: UUID) -> HttpResponseBase:
    """Remove the chosen samples, or all."""
    persona = _persona(request, pk)
    if "all" in request.POST:
        count = samples.remove_all(persona=persona)
    else:
        keys = [key for value in request.POST.getlist("sample") if (key := _key(value))]
        count = samples.remove_samples(persona=persona, keys=keys)
    text = ngettext("%(count)s sample is removed.", "%(count)s samples are removed.", count)
    notices.success(request, text % {"count": count})
    return redirect("personas:teach", persona.pk)


def sentence(added: Added, left_out: int = 0) -> str:
    """Say how many samples were added, and what was left out."""
    text = ngettext("%(count)s sample is added.", "%(count)s samples are added.", added.added)
    parts = [text % {"count": added.added}]
    if added.duplicates:
        text = ngettext(
            "%(count)s was there already.", "%(count)s were there already.", added.duplicates
        )
        parts.append(text % {"count": added.duplicates})
    if left_out:
        text = ngettext(
            "%(count)s with a likely secret is left out.",
            "%(count)s with a likely secret are left out.",
            left_out,
        )
        parts.append(text % {"count": left_out})
    if added.too_many:
        text = _("%(count)s did not fit: a twin keeps %(most)s.")
        parts.append(text % {"count": added.too_many, "most": samples.MAX_SAMPLES})
    return " ".join(parts)


def _preview(
    request: PersonRequest, persona: Persona, token: str, name: str, speaker: str = ""
) -> HttpResponse:
    path = kept.find(request.user.pk, token)
    if path is None:
        raise RefusedError(process.GONE)
    user = request.user
    hints = [speaker, user.email, user.get_full_name(), user.get_short_name(), "You"]
    survey = process.survey(path, name, [hint for hint in hints if hint])
    context: dict[str, Any] = {
        "persona": persona,
        "section": "teach",
        "survey": survey,
        "source": Sample.Source(survey.source).label,
        "shown": [
            {"own": who == survey.speaker, "speaker": who, "text": marked(text), "left_out": out}
            for who, text, out in survey.shown
        ],
        "token": token,
        "name": name,
    }
    return render(request, "personas/teaching/preview.html", context)


def _cards(
    request: PersonRequest, persona: Persona, form: UploadForm, status: int = 200
) -> HttpResponse:
    rows = persona.samples.newest_first()
    if words := request.GET.get("q", "").strip()[:200]:
        rows = rows.filter(text__icontains=words)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "persona": persona,
        "section": "teach",
        "form": form,
        "page": page,
        "cards": [(row, marked(row.text)) for row in page],
        "q": words,
        "total": persona.samples.count(),
    }
    return render(request, "personas/teaching/cards.html", context, status=status)


def _persona(request: PersonRequest, pk: UUID) -> Persona:
    found: Persona = get_object_or_404(Persona.objects.for_user(request.user), pk=pk)
    return found


def _key(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
