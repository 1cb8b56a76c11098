"""Template context that every page uses."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation

from config.languages import SOURCE_LANGUAGE, catalog_url

THEMES = ("light", "dark")


def appearance(request: HttpRequest) -> dict[str, Any]:
    """Return the theme and the language of the page.

    Returns:
        `theme`: light, dark, or empty to follow the device.
        `language`: the code of the active language.
        `languages`: the codes and names to choose from.
        `texts_url`: the translated texts of the scripts; empty for the source language.
    """
    theme = request.COOKIES.get("theme", "")
    language = translation.get_language() or SOURCE_LANGUAGE
    return {
        "theme": theme if theme in THEMES else "",
        "language": language,
        "languages": settings.LANGUAGES,
        "texts_url": "" if language == SOURCE_LANGUAGE else catalog_url(language),
    }
