"""The Dockerfile and compose.yaml: linted, and their very commands run."""

import http.client
import re
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests import postgres
from tests.deploy.image import Image, context, instructions
from tests.site import free_port
from tests.waiting import PATIENCE, wait_for

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))
# What the operator writes into .env for compose.yaml.
GIVEN = {
    "SECRET_KEY": "S7nVq2Wc9xK4mTz8pLr3bYh6dGj1fAe5uNo0iQsXwRvCtMkByJ",
    "ALLOWED_HOSTS": "chat.example.org",
    "POSTGRES_PASSWORD": "secret",
}
VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def compose() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return services


def interpolated(settings: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Put variables into the settings of a service as Compose does."""

    def value(found: re.Match[str]) -> str:
        name, sign, text = found.groups()
        if sign == "?" and not given.get(name):
            raise KeyError(text)
        return given.get(name) or (text if sign == "-" else "")

    return {name: VARIABLE.sub(value, text) for name, text in settings.items()}


def test_dockerfile_and_compose_file_are_valid() -> None:
    for program, *arguments in (
        ["hadolint", "Dockerfile"],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"],
    ):
        command = [str(SCRIPTS / program), *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_image_is_small_and_runs_without_rights() -> None:
    names = [name for name, _ in instructions()]
    assert names.count("FROM") == 2  # what builds it does not stay in it
    assert dict(instructions())["USER"] == "10001:10001"
    assert names.index("USER") < names.index("CMD")
    sent = set(context())
    assert {"manage.py", "gunicorn.conf.py", "requirements.lock", "config/settings.py"} <= sent
    assert not [name for name in sent if name.startswith(("tests/", "docs/", ".git", ".env"))]


def test_services_start_when_what_they_need_is_healthy() -> None:
    services = compose()
    assert services["web"]["depends_on"] == {
        "database": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["migrate"]["command"] == ["python", "manage.py", "migrate"]
    assert services["web"]["environment"] == services["migrate"]["environment"]
    for name in ("web", "migrate"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    for name, service in services.items():
        assert name == "migrate" or "test" in service.get("healthcheck", {}) or name == "proxy"
    assert [name for name, one in services.items() if "profiles" in one] == ["proxy", "ollama"]


@pytest.mark.parametrize("missing", sorted(GIVEN))
def test_compose_names_a_setting_that_is_missing(missing: str) -> None:
    settings = compose()["web"]["environment"]
    with pytest.raises(KeyError, match=f"Set {missing} in .env"):
        interpolated(settings, GIVEN | {missing: ""})


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    folder = Path(tempfile.mkdtemp(prefix="twinthread-image-"))
    image = Image(folder)
    image.build()
    yield image
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
    shutil.rmtree(folder)


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers.get("Location") or response.read().decode()
    finally:
        connection.close()


def test_commands_of_the_containers_serve_the_site(image: Image, tmp_path: Path) -> None:
    services = compose()
    settings = interpolated(services["web"]["environment"], GIVEN)
    server = urlsplit(postgres.start())
    settings["DATABASE_URL"] = server.geturl()
    settings["PORT"] = str(free_port())
    check = services["web"]["healthcheck"]["test"][1:]

    protected = image.run(["touch", "new"])
    assert (protected.returncode, "denied" in protected.stderr) == (1, True)

    assert image.run(check, settings).stdout.startswith("no answer: ")
    web = image.start(settings, tmp_path / "log")
    try:
        wait_for(lambda: image.run(check, settings).stdout.startswith("not ready: migrations"))
        migrated = image.run(services["migrate"]["command"], settings)
        assert migrated.returncode == 0, migrated.stderr
        ready = image.run(check, settings)
        assert (ready.returncode, ready.stdout) == (0, "ready\n")
        proxied = {"Host": GIVEN["ALLOWED_HOSTS"], "X-Forwarded-Proto": "https"}
        port = int(settings["PORT"])
        assert get(port, "/", **proxied) == (302, "/account/log-in/?next=/")
        status, page = get(port, "/account/log-in/", **proxied)
        sheets = re.findall(r'href="(/static/[^"]+\.css)"', page)
        assert status == 200
        assert [get(port, sheet, **proxied)[0] for sheet in sheets] == [200] * len(sheets) != []
        web.send_signal(signal.SIGTERM)
        assert web.wait(PATIENCE) == 0
    finally:
        web.kill()
        web.wait()
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log, log


def test_container_without_settings_names_them(image: Image) -> None:
    done = image.run(["python", "manage.py", "migrate"], {"DATABASE_URL": "", "DEBUG": "no idea"})
    assert done.returncode == 1
    assert "SECRET_KEY is not set" in done.stderr
    assert "DEBUG must be 1 or 0" in done.stderr
    assert "Traceback" not in done.stderr


def test_locked_packages_are_those_that_are_installed() -> None:
    """The image holds what the tests tried."""
    locked = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.lock").read_text(), re.M)
    )
    distributions = {one.name.lower().replace("_", "-"): one for one in metadata.distributions()}
    installed = {name: one.version for name, one in distributions.items()}
    wrong = {
        name: (version, installed[name])
        for name, version in locked.items()
        if installed.get(name, version) != version
    }
    assert wrong == {}
