"""The page that imports a file: choose it, see what is in it, import it."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.datastructures import MultiValueDict
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from chat.imports.files import FORMATS
from chat.imports.loading import import_items, preview
from chat.imports.process import read_in_process
from chat.imports.reading import MAX_FILE, RefusedError
from config.body_limits import max_body
from uploads import kept
from users.requests import PersonRequest

MAX_UPLOAD = MAX_FILE + 1_000_000  # the form takes some room beside the file


class UploadForm(forms.Form):
    """A file to import."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=format_lazy(
            gettext_lazy("JSON, JSONL, ZIP, CHARX or PNG, at most {size} MB."),
            size=MAX_FILE // 1_000_000,
        ),
        allow_empty_file=True,  # the reader reports it in a sentence
    )


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Ask for a file."""
    return _page(request, UploadForm())


@max_body(MAX_UPLOAD)
@require_POST
def upload(request: PersonRequest) -> HttpResponse:
    """Show what the file would add, or why it cannot be imported."""
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form, status=422)
    file = form.cleaned_data["file"]
    token = kept.keep(request.user.pk, file)
    path = kept.find(request.user.pk, token)
    report = None
    try:
        if path is None:
            raise RefusedError(_("Another upload of yours replaced this one. Upload it again."))
        report = preview(request.user, read_in_process(path))
    except RefusedError as refusal:
        form.add_error("file", _(str(refusal)))
        return _page(request, form, status=422)
    finally:
        if path and not report:
            path.unlink(missing_ok=True)
    context = {"report": report, "token": token if report else "", "name": file.name}
    return render(request, "chat/import_preview.html", context)


@require_POST
def confirm(request: PersonRequest) -> HttpResponse:
    """Import the file that was previewed."""
    path = kept.find(request.user.pk, request.POST.get("token", ""))
    form = UploadForm({}, MultiValueDict())
    if path is None:
        form.add_error("file", _("The file has been deleted or imported already. Choose it again."))
        return _page(request, form, status=422)
    try:
        report = import_items(request.user, read_in_process(path))
    except RefusedError as refusal:
        form.add_error("file", _(str(refusal)))
        return _page(request, form, status=422)
    finally:
        path.unlink(missing_ok=True)
    return render(request, "chat/import_done.html", {"report": report})


def _page(request: HttpRequest, form: UploadForm, status: int = 200) -> HttpResponse:
    context = {"form": form, "formats": FORMATS}
    return render(request, "chat/import.html", context, status=status)
