"""Choose the database that the tests run on, before Django reads its settings.

`TEST_DATABASE_URL` names a PostgreSQL server where the tests may create databases. Without
it `TEST_ENGINE` names the engine: `sqlite` (the default), `postgresql` or `postgresql-16` (embedded
servers from a wheel, started here), or the folder with the binaries of another server.
"""

import os
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests import postgres

# Keep the machine's own settings and its model server away from the tests. A variable that is
# set to nothing is not read from `.env`.
OWN = (
    "OPENAI_",
    "CORS_",
    "API_",
    "DAILY_TOKENS",
    "EMAIL_",
    "DATABASE_",
    "CSRF_",
    "HSTS_",
    "BEHIND_PROXY",
    "STATIC_ROOT",
    "LOG_LEVEL",
)
named = dotenv_values(Path(__file__).parent.parent / ".env")
for name in [*named, *(name for name in os.environ if name.startswith(OWN))]:
    os.environ[name] = ""
os.environ.pop("WEB_CONCURRENCY", None)  # gunicorn itself takes no empty one

url = os.environ.get("TEST_DATABASE_URL", "")
wanted = os.environ.setdefault("TEST_ENGINE", "postgresql" if url else "sqlite")
if not url and wanted == "sqlite":
    os.environ["DATABASE_URL"] = "sqlite:///unused.sqlite3"
else:
    if not url:
        url = postgres.start(wanted)
        os.environ["TEST_DATABASE_URL"] = url  # xdist's workers inherit it
    os.environ["DATABASE_URL"] = url

os.environ |= {"DEBUG": "0", "HTTPS": "0", "SECRET_KEY": "only-for-tests", "ALLOWED_HOSTS": "*"}

VENDOR = "postgresql" if os.environ.get("TEST_DATABASE_URL") else "sqlite"
# Tests that show nothing on this engine, or nothing that they do not show on SQLite.
DESELECTED = {"postgresql": ("sqlite", "no_database"), "sqlite": ("postgresql",)}[VENDOR]


def pytest_report_header() -> str:
    """Name the engine in the header of the report."""
    return "database engine: " + (
        postgres.describe(url) if VENDOR == "postgresql" else postgres.describe_sqlite()
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that show nothing on this engine, and report their number."""
    selected: list[pytest.Item] = []
    deselected: list[pytest.Item] = []
    for item in items:
        is_deselected = any(item.get_closest_marker(marker) for marker in DESELECTED)
        (deselected if is_deselected else selected).append(item)
    if deselected:
        items[:] = selected
        config.hook.pytest_deselected(items=deselected)
