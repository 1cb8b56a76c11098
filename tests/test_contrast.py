"""The colours of the design meet the contrast of WCAG 2.2, level AA."""

import re
from pathlib import Path

import pytest

from personas.colors import contrast

pytestmark = pytest.mark.engines("any")

TOKENS = Path(__file__).parent.parent / "config/static/css/tokens.css"
PAIR = re.compile(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);")
COLORS = {name: (light, dark) for name, light, dark in PAIR.findall(TOKENS.read_text())}
GROUNDS = ["paper", "surface", "sunken", "hover", "selected"]
# Text on what it stands on, at least 4.5 (success criterion 1.4.3).
TEXT = [
    *((text, ground) for text in ("ink", "muted", "accent") for ground in GROUNDS),
    ("danger", "paper"),
    ("danger", "surface"),
    ("danger", "hover"),
    ("danger", "danger-soft"),
    ("success", "success-soft"),
    ("warning", "warning-soft"),
    ("ink", "warning-soft"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-danger", "danger"),
    ("accent-strong", "paper"),
    ("paper", "ink"),
    ("bubble-user-ink", "bubble-user"),
    ("ink", "bubble-assistant"),
    ("ink", "bubble-twin"),
    ("muted", "bubble-twin"),
    ("ink", "code"),
]
# The edges of fields and what has the focus, at least 3 (success criterion 1.4.11).
EDGES = [(edge, ground) for edge in ("line-strong", "accent") for ground in ("paper", "surface")]


def test_the_tokens_are_read() -> None:
    assert len(COLORS) > 20
    assert {name for pair in [*TEXT, *EDGES] for name in pair} <= set(COLORS)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(TEXT, 4.5), (EDGES, 3.0)], ids=["text", "edges"])
def test_colors_can_be_told_apart(pairs: list[tuple[str, str]], least: float, theme: int) -> None:
    low = {
        f"{one} on {other}": round(ratio, 2)
        for one, other in pairs
        if (ratio := contrast(COLORS[one][theme], COLORS[other][theme])) < least
    }
    assert low == {}
