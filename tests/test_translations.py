"""The German texts are complete: what people who chat read is wrapped, translated and compiled."""

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

pytestmark = pytest.mark.engines("any")

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "locale/de/LC_MESSAGES"
APPS = ["config", "users", "personas", "threads", "chat", "api"]
FUNCTIONS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
STRING = r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
CALL = re.compile(rf"\b(?:_|n?gettext)\(\s*u?{STRING}")
HOLE = re.compile(r"%(?:\(\w+\))?[sd]|\{\w+\}")
# The admin's pages and the reference of the API are for operators and programmers.
ENGLISH = ("admin/", "api/docs.html")
# Names are the same in every language.
NAMES = {"Twinthread", "· Twinthread", "SillyTavern", "Gemini", "Esc", "Ctrl", "Enter", "Shift"}
TAGS = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
TRANSLATED = re.compile(r"{% blocktranslate.*?{% endblocktranslate %}", re.DOTALL)
CODE = re.compile(
    r"{% block body_class %}.*?{% endblock %}|<(code|kbd|title|svg)\b.*?</\1>|<!doctype html>",
    re.DOTALL,
)
READ = re.compile(r""">([^<]+)<|(?:aria-label|title|placeholder|alt)="([^"]*)\"""")


def templates() -> list[Path]:
    found = [path for app in APPS for path in (ROOT / app).rglob("templates/**/*.html")]
    ours = [path for path in found if not any(part in str(path) for part in ENGLISH)]
    assert len(ours) > 50
    return ours


def texts_of_scripts() -> set[str]:
    scripts = [path for app in APPS for path in (ROOT / app).rglob("static/**/*.js")]
    found = (CALL.findall(path.read_text()) for path in scripts if "vendor" not in path.parts)
    return {ast.literal_eval(text) for texts in found for text in texts}


def texts_of_code() -> set[str]:
    texts = set()
    for path in (path for app in APPS for path in (ROOT / app).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FUNCTIONS:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    texts.add(str(first.value))
    for path in (path for app in APPS for path in (ROOT / app).rglob("templates/**/*.*")):
        texts |= {ast.literal_eval(text) for text in CALL.findall(templatize(path.read_text()))}
    return texts


def catalog(name: str) -> dict[str, list[str]]:
    """Return the translations in a .po file by their English text; plurals have two."""
    found: dict[str, list[str]] = {}
    for block in (FOLDER / name).read_text().split("\n\n")[1:]:
        fields: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if word := re.match(r"(msg\w+(?:\[\d\])?) ", line):
                key, line = word[1], line[word.end() :]
                fields[key] = ""
            if line.startswith('"'):
                fields[key] += ast.literal_eval(line)
        found[fields["msgid"]] = [text for key, text in fields.items() if key.startswith("msgstr")]
    return found


@pytest.mark.parametrize("name", ["django", "djangojs"])
def test_every_text_is_translated_and_compiled(name: str) -> None:
    texts = texts_of_code() if name == "django" else texts_of_scripts()
    translated = catalog(f"{name}.po")
    assert texts - translated.keys() == set(), "run: manage.py makemessages -l de"
    assert [text for text, forms in translated.items() if not all(forms)] == []
    assert "fuzzy" not in (FOLDER / f"{name}.po").read_text()
    with (FOLDER / f"{name}.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    stale = [
        text
        for text, (first, *more) in translated.items()
        if (compiled.ngettext(text, "", 1) if more else compiled.gettext(text)) != first
    ]
    assert stale == [], "run: manage.py compilemessages"


@pytest.mark.parametrize("name", ["django.po", "djangojs.po"])
def test_translations_keep_the_values_of_a_text(name: str) -> None:
    different = [
        text
        for text, forms in catalog(name).items()
        for form in forms
        if sorted(HOLE.findall(text)) != sorted(HOLE.findall(form))
    ]
    assert different == []


def test_templates_hold_no_text_that_cannot_be_translated() -> None:
    bare = {}
    for path in templates():
        text = TAGS.sub("", CODE.sub("", TRANSLATED.sub("", path.read_text())))
        pieces = {piece.strip() for pair in READ.findall(f">{text}<") for piece in pair}
        words = {piece for piece in pieces if re.search(r"[A-Za-z]{2}", piece)} - NAMES
        if words:
            bare[str(path.relative_to(ROOT))] = words
    assert bare == {}
