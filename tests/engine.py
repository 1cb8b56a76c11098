"""Choose the database the tests run on, before Django reads its settings.

`TEST_DATABASE_URL` names a PostgreSQL server where the tests may create databases. Without
it `TEST_ENGINE` says which engine to use: `sqlite` (when nothing is said), `postgresql` or
`postgresql-16` (started here from the embedded servers' wheel) or a path to the binaries of
another server.
"""

import os
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests import postgres

# Neither the machine's own settings nor its model provider may reach the tests: what is
# empty, but there, is not read from `.env`.
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
OTHER = {"postgresql": "sqlite", "sqlite": "postgresql"}[VENDOR]


def pytest_report_header() -> str:
    """Name the engine in the head of the report."""
    return "database engine: " + (
        postgres.describe(url) if VENDOR == "postgresql" else postgres.describe_sqlite()
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect, in the open, what the engine at hand cannot show."""
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        (left_out if item.get_closest_marker(OTHER) else kept).append(item)
    if left_out:
        items[:] = kept
        config.hook.pytest_deselected(items=left_out)
