"""Try a twin: the same question answered with and without what it was taught."""

from __future__ import annotations

import uuid

from asgiref.sync import sync_to_async
from django import forms
from django.conf import settings
from django.contrib import messages as notices
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat import replies
from chat.exports.archive import card
from chat.exports.formats import slug
from chat.generation import model_catalog, provider, twin
from chat.generation.engine import engine
from chat.generation.in_flight import InFlightReply, Prompt
from chat.generation.prompt import prompt_tokens
from chat.generation.tokens import estimate_tokens
from personas.models import Persona, Sample
from personas.teaching import samples
from personas.teaching.rules import add_rule
from personas.teaching.samples import NewSample
from users.requests import PersonRequest

# Who is waiting for answers in this process: each person tries one question at a time.
_waiting: set[uuid.UUID] = set()


class QuestionForm(forms.Form):
    """A question to the twin."""

    question = forms.CharField(
        label=gettext_lazy("Your question"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Something that people often ask you."),
    )


class VerdictForm(forms.Form):
    """What the person thinks of an answer."""

    question = forms.CharField(required=False, max_length=2_000)
    answer = forms.CharField(max_length=100_000)
    rewritten = forms.CharField(required=False, max_length=samples.MAX_LENGTH)
    reason = forms.CharField(required=False, max_length=300)
    verdict = forms.ChoiceField(
        choices=[("more", "more"), ("less", "less"), ("rewrite", "rewrite")]
    )


@never_cache
@require_http_methods(["GET", "POST"])
async def try_twin(request: PersonRequest, persona: uuid.UUID) -> HttpResponse:
    """Ask for a question, and show both answers, or what would be sent."""
    found = await sync_to_async(_persona)(request, persona)
    form = QuestionForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return await _page(request, found, form)
    question = form.cleaned_data["question"]
    model = settings.OPENAI_MODEL
    if "show" not in request.POST and provider.is_configured():
        model = await model_catalog.default_model()
    sent = await sync_to_async(_prompts)(request, found, question, model)
    if "show" in request.POST or not provider.is_configured():
        return await _page(request, found, form, sent=sent)
    try:
        answers = await _answers(request, found, sent)
    except (replies.BudgetSpentError, replies.TooManyInFlightError) as refusal:
        is_spent = isinstance(refusal, replies.BudgetSpentError)
        form.add_error(
            "question",
            _("Your tokens of today are used up. Try again tomorrow.")
            if is_spent
            else _("The twin is still answering your last question."),
        )
        return await _page(request, found, form, sent=sent)
    return await _page(request, found, form, sent=sent, answers=answers)


@require_POST
def verdict(request: PersonRequest, persona: uuid.UUID) -> HttpResponseBase:
    """Make a sample or a rule of an answer."""
    found = _persona(request, persona)
    form = VerdictForm(request.POST)
    if not form.is_valid():
        notices.error(request, _("Write something first."))
        return redirect("chat:try_twin", found.pk)
    data = form.cleaned_data
    if data["verdict"] == "less":
        quoted = " ".join(data["answer"].split())[:200]
        add_rule(persona=found, rule=data["reason"] or _("Do not write like this: “%s”") % quoted)
        notices.success(request, _("It is a rule now. You can edit rules in the settings."))
    else:
        text = data["rewritten"] if data["verdict"] == "rewrite" else data["answer"]
        new = NewSample(text, Sample.Source.ANSWER, data["question"])
        added = samples.add_samples(persona=found, texts=[new])
        notices.success(
            request,
            _("It is a sample now.") if added.added else _("There is such a sample already."),
        )
    return redirect("chat:try_twin", found.pk)


@require_safe
def card_file(request: PersonRequest, persona: uuid.UUID) -> HttpResponse:
    """Send the persona as a character card."""
    found = _persona(request, persona)
    name = f"{slug(found.name, 'twin')}.json"
    response = HttpResponse(card(found), content_type="application/json")
    header = content_disposition_header(as_attachment=True, filename=name)
    response.headers["Content-Disposition"] = header or "attachment"
    return response


def _persona(request: PersonRequest, key: uuid.UUID) -> Persona:
    found: Persona = get_object_or_404(Persona.objects.for_user(request.user), pk=key)
    return found


def _prompts(request: PersonRequest, persona: Persona, question: str, model: str) -> list[str]:
    """Return the instructions with and without what was learnt."""
    person = request.user.get_short_name()
    room = prompt_tokens(model)
    return [
        twin.instructions(persona, person, question=question, room=room, uses_learnt=uses)
        for uses in (True, False)
    ]


async def _answers(
    request: PersonRequest, persona: Persona, sent: list[str]
) -> list[InFlightReply]:
    """Return both answers.

    Raises:
        replies.TooManyInFlightError: The person waits for others already.
        replies.BudgetSpentError: The person has used up the tokens of the day.
    """
    user_id = request.user.pk
    if user_id in _waiting:
        raise replies.TooManyInFlightError
    _waiting.add(user_id)
    try:
        for check in replies.before_begin:
            await sync_to_async(check)(user_id)
        question = request.POST["question"]
        answers = await engine.answer(
            [
                Prompt([{"role": "system", "content": text}, {"role": "user", "content": question}])
                for text in sent
            ]
        )
        for answer in answers:
            for count in replies.on_end_unstored:
                await sync_to_async(count)(answer, user_id, persona)
    finally:
        _waiting.discard(user_id)
    return answers


async def _page(
    request: PersonRequest,
    persona: Persona,
    form: QuestionForm,
    *,
    sent: list[str] | None = None,
    answers: list[InFlightReply] | None = None,
) -> HttpResponse:
    context = {
        "persona": persona,
        "section": "try",
        "form": form,
        "is_configured": provider.is_configured(),
        "sent": [(text, estimate_tokens(text)) for text in sent or []],
        "answers": answers,
    }
    status = 422 if form.errors else 200
    return await sync_to_async(render)(request, "chat/try_twin.html", context, status=status)
