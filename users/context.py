"""Template context that every page uses."""

from django.http import HttpRequest

THEMES = ("light", "dark")


def theme(request: HttpRequest) -> dict[str, str]:
    """Return `theme`: light, dark, or empty to follow the device."""
    value = request.COOKIES.get("theme", "")
    return {"theme": value if value in THEMES else ""}
