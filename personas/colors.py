"""Choose a readable text colour for a persona's colour."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

LIGHT = "#ffffff"
DARK = "#000000"


# Colours that are easily told apart, the model's default first.
PALETTE = (
    *("#4f46e5", "#0d9488", "#d97706", "#be185d", "#15803d", "#7c3aed"),
    *("#b91c1c", "#0369a1", "#a16207", "#475569"),
)


def next_color(used: Iterable[str]) -> str:
    """Return the colour of the palette that is used least, the first of several."""
    counts = Counter(color.lower() for color in used)
    return min(PALETTE, key=lambda color: counts[color])


def luminance(color: str) -> float:
    """Return the relative luminance of #rrggbb, 0 to 1 (WCAG 2.2, relative luminance)."""
    channels = [int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, contrast ratio)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(1024)
def text_on(color: str) -> str:
    """Return the text colour, white or black, with the higher contrast on `color`.

    One of the two has a contrast of at least 4.5 on any background (WCAG 2.2, level AA).
    """
    return max((LIGHT, DARK), key=lambda text: contrast(text, color))
