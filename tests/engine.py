"""Choose the database that the tests run on, before Django reads its settings.

`TEST_DATABASE_URL` names a PostgreSQL server where the tests may create databases. Without
it `TEST_ENGINE` names the engine: `postgresql` (the default) or `postgresql-16` (embedded servers
from a wheel, started here), `sqlite`, or the folder with the binaries of another server.

`DIRECTORIES` and the marker `engines` say on which engines a test runs.
"""

import os
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests import postgres

ROOT = Path(__file__).parent.parent
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
    "LOG_",
    "METRICS_",
    "SIGN_UP",
)
named = dotenv_values(ROOT / ".env")
for name in [*named, *(name for name in os.environ if name.startswith(OWN))]:
    os.environ[name] = ""
os.environ.pop("WEB_CONCURRENCY", None)  # gunicorn itself takes no empty one

url = os.environ.get("TEST_DATABASE_URL", "")
wanted = os.environ.setdefault("TEST_ENGINE", "postgresql")
if not url and wanted == "sqlite":
    os.environ["DATABASE_URL"] = "sqlite:///unused.sqlite3"
else:
    if not url:
        # A database is dropped before a vacuum would pay.
        url = postgres.start(wanted, settings=(*postgres.SETTINGS, "autovacuum=off"))
        os.environ["TEST_DATABASE_URL"] = url  # xdist's workers inherit it
    os.environ["DATABASE_URL"] = url

os.environ |= {"DEBUG": "0", "HTTPS": "0", "SECRET_KEY": "only-for-tests", "ALLOWED_HOSTS": "*"}

VENDOR = "postgresql" if os.environ.get("TEST_DATABASE_URL") else "sqlite"

# The engines on which the tests of a directory run, unless the marker `engines` of a module or a
# test names others. The innermost directory decides.
#
# "any" is for what uses no database: one engine is enough. "postgresql" is for what reads and
# writes rows through Django alone, and runs on what production runs on. Both engines are for what
# could differ: SQL, constraints, locks, migrations. "older" adds a PostgreSQL server of an earlier
# version.
DIRECTORIES = {
    "tests": {"postgresql"},
    "tests/chat/exports": {"sqlite", "postgresql"},
    "tests/chat/rendering": {"any"},
    "tests/chat/search": {"sqlite", "postgresql"},
    "tests/config": {"any"},
    "tests/deploy": {"any"},
    "tests/schema": {"sqlite", "postgresql"},
    "tests/schema/adoption": {"postgresql"},
}
# In which engine's share of the whole suite it is.
SHARES = {"any": "sqlite", "sqlite": "sqlite", "postgresql": "postgresql", "older": "older"}
# The engines of every collected test, by its name.
COLLECTED = pytest.StashKey[dict[str, set[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option with which `python -m tests` runs every engine."""
    parser.addoption(
        "--share",
        action="store_true",
        help="run only this engine's share of the whole suite, "
        "not every test that can run on this engine",
    )


def pytest_report_header() -> str:
    """Name the engine in the header of the report."""
    return "database engine: " + (
        postgres.describe(url) if VENDOR == "postgresql" else postgres.describe_sqlite()
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that do not run on this engine, and report their number."""
    collected = config.stash[COLLECTED] = {item.nodeid: engines_of(item) for item in items}
    own = share_of(wanted) if config.getoption("share") else None
    selected: list[pytest.Item] = []
    deselected: list[pytest.Item] = []
    for item in items:
        engines = collected[item.nodeid]
        runs = is_in_share(engines, own) if own else engines & {VENDOR, "any"}
        (selected if runs else deselected).append(item)
    if deselected:
        items[:] = selected
        config.hook.pytest_deselected(items=deselected)


def engines_of(item: pytest.Item) -> set[str]:
    """Return the engines on which a test runs: those of the innermost marker or directory.

    Raises:
        UsageError: The marker names none, or one that does not exist.
    """
    marker = item.get_closest_marker("engines")
    if marker is None:
        path = item.path.relative_to(ROOT)
        return next(DIRECTORIES[str(it)] for it in path.parents if str(it) in DIRECTORIES)
    engines = set(marker.args)
    if not engines or not engines <= SHARES.keys() or engines == {"older"}:
        raise pytest.UsageError(
            f"{item.nodeid} runs on {sorted(engines)}. Name at least one of "
            "sqlite, postgresql and any; add older to postgresql."
        )
    return engines


def share_of(engine: str) -> str:
    """Return the name that the marker uses for an engine of `TEST_ENGINE`."""
    return engine if engine in ("sqlite", "postgresql") else "older"


def is_in_share(engines: set[str], engine: str) -> bool:
    """Return whether a test of these engines is in the share of `engine`."""
    return engine in {SHARES[name] for name in engines}
