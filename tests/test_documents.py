"""The documents agree with the code, and their links lead somewhere."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.utils.text import slugify

from schema.report import ExitCode
from users import rate_limits

pytestmark = pytest.mark.engines("any")

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
KEY_IN_TEMPLATE = re.compile(r'data-key="([^"{]+)"')
# Keys that JavaScript handles itself, and digits, which choose from an open menu.
KEYS_IN_SCRIPT = {"j", "k", "d", "?", "Esc", "Ctrl", "K"}
OURS = {"schema", "users", "personas", "threads", "chat", "api"}


@dataclass(frozen=True)
class Row:
    """A row of a table, its header, and the headings above it, nearest first."""

    cells: list[str]
    header: list[str]
    headings: list[str]


def rows(name: str) -> Iterator[Row]:
    header: list[str] = []
    headings: list[str] = []
    for line in FENCE.sub("", (ROOT / name).read_text()).splitlines():
        if heading := HEADING.match(line):
            headings.insert(0, heading[1])
        if not line.startswith("|"):
            header = []
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not header:
            header = cells
        elif set("".join(cells)) - set("-: "):
            yield Row(cells, header, headings.copy())


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings."""
    headings = HEADING.findall(FENCE.sub("", path.read_text()))
    return {slugify(re.sub(r"[`*]", "", heading), allow_unicode=True) for heading in headings}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files_and_headings(name: str) -> None:
    document = ROOT / name
    broken = []
    for link in LINK.findall(FENCE.sub("", document.read_text())):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_document_is_linked_from_the_readme() -> None:
    linked = {(ROOT / link).resolve() for link in LINK.findall((ROOT / "README.md").read_text())}
    assert [name for name in NAMES if ROOT / name not in linked] == ["README.md"]


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@cache
def documented_options() -> dict[str, set[str]]:
    """Return the options in tables, by command.

    The command stands before the option, or in the nearest heading; otherwise it is `migrate`.
    """
    found: dict[str, set[str]] = defaultdict(set)
    commands = set(get_commands())
    for name in NAMES:
        for row in rows(name):
            options = [words.split() for words in CODE.findall(row.cells[0])]
            title = next(iter(CODE.findall(row.headings[0])), "").split() if row.headings else []
            for words in options:
                option = next((word for word in words if word.startswith("--")), None)
                if option and (words[0] == option or words[0] in commands):
                    command = words[0] if words[0] in commands else (title or ["migrate"])[0]
                    found[command].add(option)
    return found


def options_of(command: BaseCommand, name: str) -> set[str]:
    parser = command.create_parser("manage.py", name)
    actions = parser._actions
    return {text for action in actions for text in action.option_strings if text.startswith("--")}


def own_options(name: str) -> set[str]:
    command = load_command_class(get_commands()[name], name)
    assert isinstance(command, BaseCommand)
    parents = (one for one in type(command).__mro__ if one.__module__.startswith("django."))
    inherited = next(parents)()
    return options_of(command, name) - options_of(inherited, name) - {"--database"}


def test_options_of_commands_are_documented() -> None:
    ours = [name for name, app in get_commands().items() if app in OURS]
    assert len(ours) >= 8
    own = {name: own_options(name) for name in ours}
    assert documented_options() == {name: options for name, options in own.items() if options}


def test_exit_codes_are_documented() -> None:
    documented = {
        int(row.cells[0])
        for row in rows("docs/operating.md")
        if re.fullmatch(r"(exit )?(status|code)", row.header[0], re.IGNORECASE)
    }
    # argparse exits with 2; so does `verify` if it cannot compare.
    assert documented == {0, 2, *(code.value for code in ExitCode)}


def variables_in_code() -> dict[str, object]:
    """Return the variables that the settings read, with the default where it is a constant."""
    found: dict[str, object] = {}
    for path in (
        ROOT / "config/settings.py",
        ROOT / "config/environment.py",
        ROOT / "gunicorn.conf.py",
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            first = node.args[0] if node.args else None
            source = ast.unparse(node.func.value)
            if source not in {"environment", "os.environ", "values"}:
                continue
            if isinstance(first, ast.Constant) and re.fullmatch(r"[A-Z][A-Z_]+", str(first.value)):
                default = next(
                    (word.value for word in node.keywords if word.arg == "default"), None
                )
                found[str(first.value)] = (
                    default.value if isinstance(default, ast.Constant) else None
                )
    if "SECRET_KEY" not in found:
        raise AssertionError("config/environment.py is not read")
    return {name: value for name, value in found.items() if name != "DJANGO_SETTINGS_MODULE"}


def documented_variables() -> dict[str, list[str]]:
    return {
        CODE.findall(row.cells[0])[0]: row.cells
        for row in rows("docs/settings.md")
        if row.header[0] == "Variable"
    }


def test_variables_are_documented() -> None:
    documented = documented_variables()
    by_others = {name for name, cells in documented.items() if len(cells) == 2}
    assert by_others == {"RENDER_EXTERNAL_HOSTNAME", "NO_COLOR", "PROMETHEUS_MULTIPROC_DIR"}
    code = variables_in_code()
    assert set(documented) - {"NO_COLOR"} == set(code)
    example = set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert example == set(documented) - by_others
    numbers = {name: value for name, value in code.items() if type(value) is int}
    assert len(numbers) >= 2
    assert {name: documented[name][1] for name in numbers} == {
        name: f"`{value}`" for name, value in numbers.items()
    }


def test_variables_elsewhere_in_the_documents_exist() -> None:
    """A name in capitals that looks like one of ours must be one of ours."""
    prefixes = ("OPENAI_", "EMAIL_", "HSTS_", "DATABASE_", "BEHIND_", "WEB_", "STATIC_", "SITE_")
    known = {*documented_variables(), "DATABASE_URL", *dir(settings)}
    mentioned = {
        word
        for name in NAMES
        for word in re.findall(r"\b[A-Z][A-Z_]+[A-Z]\b", (ROOT / name).read_text())
        if word.startswith(prefixes)
    }
    assert mentioned - known == set()


def test_keyboard_shortcuts_are_documented() -> None:
    sheet = re.sub(
        r"{% (?:end)?blocktranslate %}|{% translate \"(.+?)\" %}",
        r"\1",
        (ROOT / "config/templates/_shortcuts.html").read_text(),
    )
    shown = {
        " ".join(re.findall(r"<kbd>(.+?)</kbd>", keys)): re.sub(r"</?kbd>", "`", action)
        for keys, action in re.findall(r"<dt>(.+?)</dt><dd>(.+?)</dd>", sheet)
    }
    documented = {
        row.cells[0].replace("`", ""): row.cells[1]
        for row in rows("docs/using.md")
        if row.header[0] == "Key"
    }
    assert documented == shown
    templates = [path for app in ("config", *OURS) for path in (ROOT / app).rglob("*.html")]
    keys = {key for path in templates for key in KEY_IN_TEMPLATE.findall(path.read_text())}
    assert keys | KEYS_IN_SCRIPT == {key for keys in documented for key in keys.split()}


def test_rate_limits_are_documented() -> None:
    windows = {timedelta(minutes=15): "15 minutes", timedelta(hours=1): "1 hour"}
    limits = [one for one in vars(rate_limits).values() if isinstance(one, rate_limits.RateLimit)]
    documented = [row.cells[1:] for row in rows("docs/security.md") if row.header[0] == "Attempts"]
    assert sorted(documented) == sorted([str(one.limit), windows[one.window]] for one in limits)


def test_dependencies_are_documented() -> None:
    lines = [
        line
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text().splitlines()
    ]
    required = {re.split(r"[\[=]", line)[0] for line in lines if "==" in line}
    documented = {
        package.strip()
        for row in rows("docs/dependencies.md")
        if row.header[0] == "Package"
        for package in row.cells[0].split(",")
    }
    assert documented == required


def test_lock_file_pins_what_is_required_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    command = lock.splitlines()[1].removeprefix("#    ")
    required = re.findall(
        r"^([\w-]+)(?:\[\w+\])?==(\S+)$", (ROOT / "requirements.txt").read_text(), re.M
    )
    locked = re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)[^\\]*\\\n    --hash=sha256:", lock, re.M)
    missing = {(name.lower(), version) for name, version in required} - set(locked)
    assert missing == set(), f"run: {command}"
    assert len(locked) == len(re.findall(r"^[\w-]", lock, re.M))  # none without a hash
    direct = set(re.findall(r"^([\w-]+)[^#]*?# via(?: -r|\n    #   -r) requirements", lock, re.M))
    assert direct == {name.lower() for name, _ in required}, f"run: {command}"


def test_tests_of_the_threat_model_exist() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"^def (test_\w+)", code, re.M))
    threats = [row for row in rows("docs/threat-model.md") if row.header[-1] == "Shown by"]
    named = [CODE.findall(row.cells[-1]) for row in threats]
    assert len(threats) >= 25
    assert all(named)  # every line has a proof
    assert {name for names in named for name in names} - defined == set()


def test_apps_of_this_project_are_those_whose_commands_are_compared() -> None:
    ours = {config.label for config in apps.get_app_configs() if (ROOT / config.label).is_dir()}
    assert ours == OURS
