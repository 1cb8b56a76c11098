"""Deployment: a clean check, the blueprint, gunicorn and static files."""

import http.client
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Database
from tests.site import Site

ROOT = Path(__file__).parent.parent.parent
# The settings that .env.example requires in production.
PRODUCTION = {
    "DEBUG": "",
    "HTTPS": "",
    "SECRET_KEY": "S7nVq2Wc9xK4mTz8pLr3bYh6dGj1fAe5uNo0iQsXwRvCtMkByJ",
    "ALLOWED_HOSTS": "chat.example.org",
    "CSRF_TRUSTED_ORIGINS": "https://chat.example.org",
    "BEHIND_PROXY": "1",
}


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | PRODUCTION | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_deployment_check_is_clean_in_the_documented_environment() -> None:
    done = manage("check", "--deploy", "--fail-level", "INFO")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues (0 silenced)" in done.stdout


def test_production_without_a_key_names_the_remedy() -> None:
    done = manage("check", SECRET_KEY="")
    assert done.returncode == 1
    assert done.stderr.startswith("Configuration error: SECRET_KEY is not set.")
    assert done.stderr.count("\n") == 1


def test_blueprint_migrates_before_each_deployment() -> None:
    blueprint: dict[str, Any] = yaml.safe_load((ROOT / "render.yaml").read_text())
    assert set(blueprint) == {"services", "databases"}
    service = blueprint["services"][0]
    assert service["preDeployCommand"] == "python manage.py migrate"
    assert service["buildCommand"].startswith("pip install --require-hashes -r requirements.lock")
    assert service["startCommand"] == "gunicorn"
    assert service["healthCheckPath"] == "/readyz"
    # The fields of the format (https://render.com/docs/blueprint-spec).
    assert set(service) <= {
        *("type", "name", "runtime", "plan", "region", "branch", "buildCommand"),
        *("preDeployCommand", "startCommand", "healthCheckPath", "envVars", "autoDeployTrigger"),
    }
    variables = {variable["key"]: variable for variable in service["envVars"]}
    assert variables["SECRET_KEY"] == {"key": "SECRET_KEY", "generateValue": True}
    source = variables["DATABASE_URL"]["fromDatabase"]
    assert source == {"name": blueprint["databases"][0]["name"], "property": "connectionString"}


def test_gunicorn_reads_its_address_from_the_environment_and_the_file(tmp_path: Path) -> None:
    config = tmp_path / "gunicorn.conf.py"
    config.write_text((ROOT / "gunicorn.conf.py").read_text())
    (tmp_path / ".env").write_text("HOST=127.0.0.9\nPORT=1\nWEB_CONCURRENCY=3\n")
    unset = {"HOST", "WEB_CONCURRENCY"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", str(config), "--print-config"],
        cwd=ROOT,
        env=environment | {"PORT": "8123"},
        capture_output=True,
        text=True,
        check=False,
    )
    values = {
        name.strip(): value.strip()
        for name, _, value in (line.partition("=") for line in done.stdout.splitlines())
    }
    names = ("bind", "workers", "worker_class", "wsgi_app")
    assert {name: values[name] for name in names} == {
        "bind": "['127.0.0.9:8123']",
        "workers": "3",
        "worker_class": "config.worker.Worker",
        "wsgi_app": "config.asgi:application",
    }


def test_gunicorn_reports_a_wrong_setting_without_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "-w", "1"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": "postgresql://user:hunter2@host:port/db"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    reported = [
        line for line in done.stderr.splitlines() if line.startswith("Configuration error: ")
    ]
    assert len(reported) == 1
    assert reported[0].startswith("Configuration error: DATABASE_URL is not a database URL.")


def test_log_line_is_written_once_with_debug() -> None:
    code = "import logging; logging.getLogger('django.request').warning('logged once')"
    done = manage("shell", "-v0", "-c", code, DEBUG="1")
    assert done.stderr.count("logged once") == 1


def test_gunicorn_serves_static_files_and_reports_what_is_missing(
    empty_database: Database, collected: Path, tmp_path: Path
) -> None:
    site = Site(tmp_path / "log", {"STATIC_ROOT": str(collected)})
    try:
        site.start(empty_database.url)
        status, text = site.get("/readyz")
        assert status == 503
        assert text.startswith("not ready: migrations are not applied: ")
        done = manage("migrate", "-v0", DATABASE_URL=empty_database.url)
        assert (done.returncode, done.stderr) == (0, "")
        assert site.get("/readyz") == (200, "ready\n")
        sheet = next(collected.glob("css/admin.*.css"))
        assert site.get(f"/static/css/{sheet.name}") == (200, sheet.read_text())
        assert site.get("/static/../config/settings.py")[0] == 404
        assert site.get("/admin/login/")[0] == 200
        line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
        line.request("HEAD", "/admin/login/")
        assert line.getresponse().status == 200
        line.close()
        log = (tmp_path / "log").read_text()
        assert "StreamingHttpResponse" not in log
        assert "no-body response" not in log
    finally:
        site.stop()


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("HOST=::", "['[::]:8000']"),
        ("PORT=http", "PORT must be a whole number from 0 to 65535, not 'http'."),
        ("PORT=80000", "PORT must be a whole number from 0 to 65535, not '80000'."),
        ("WEB_CONCURRENCY=2.5", "WEB_CONCURRENCY must be a whole number from 1 to 1000"),
    ],
)
def test_gunicorn_takes_any_address_and_names_a_wrong_one(
    line: str, reported: str, tmp_path: Path
) -> None:
    config = tmp_path / "gunicorn.conf.py"
    config.write_text((ROOT / "gunicorn.conf.py").read_text())
    (tmp_path / ".env").write_text(f"{line}\n")
    unset = {"HOST", "PORT", "WEB_CONCURRENCY"}
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", str(config), "--print-config"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in unset},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if line.startswith("HOST") else 1)
    assert reported in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
