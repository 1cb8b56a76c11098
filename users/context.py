"""What every template may know about the person's wishes."""

from django.http import HttpRequest

THEMES = ("light", "dark")


def theme(request: HttpRequest) -> dict[str, str]:
    """Give templates `theme`: light, dark, or nothing where the device decides."""
    wanted = request.COOKIES.get("theme", "")
    return {"theme": wanted if wanted in THEMES else ""}
