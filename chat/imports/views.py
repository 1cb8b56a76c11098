"""The page that takes a file in: choose it, see what is in it, import it."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.datastructures import MultiValueDict
from django.views.decorators.http import require_POST, require_safe

from chat.imports import uploads
from chat.imports.loading import import_file, preview
from chat.imports.reading import LARGEST_FILE, RefusedError
from users.requests import PersonRequest


class UploadForm(forms.Form):
    """A file to import."""

    file = forms.FileField(
        label="File",
        help_text=f"JSON, ZIP or PNG, at most {LARGEST_FILE // 1_000_000:,} MB.",
        allow_empty_file=True,  # it is refused in words
    )


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Ask for a file."""
    return render(request, "chat/import.html", {"form": UploadForm()})


@require_POST
def upload(request: PersonRequest) -> HttpResponse:
    """Show what the file would add, or why it cannot be imported."""
    form = UploadForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            report = preview(request.user, file.file, file.size)
        except RefusedError as refusal:
            form.add_error("file", str(refusal))
        else:
            token = uploads.keep(request.user, file) if report else ""
            context = {"report": report, "token": token, "name": file.name}
            return render(request, "chat/import_preview.html", context)
    return render(request, "chat/import.html", {"form": form}, status=422)


@require_POST
def confirm(request: PersonRequest) -> HttpResponse:
    """Import the file that was looked at."""
    path = uploads.kept(request.user, request.POST.get("token", ""))
    form = UploadForm({}, MultiValueDict())
    try:
        if path is None:
            raise FileNotFoundError
        with path.open("rb") as file:
            report = import_file(request.user, file, path.stat().st_size)
    except FileNotFoundError:  # also where another tab has just imported it
        form.add_error("file", "The file is not here any more. Choose it again.")
    except RefusedError as refusal:
        form.add_error("file", str(refusal))
    else:
        return render(request, "chat/import_done.html", {"report": report})
    finally:
        if path:
            path.unlink(missing_ok=True)
    return render(request, "chat/import.html", {"form": form}, status=422)
