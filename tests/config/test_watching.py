"""The log and the metrics of a served site: complete, and without what people wrote."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from chat.models import Reply
from config.logs import JSONFormatter, TextFormatter, redact
from tests.chat.provider_server import ProviderServer
from tests.factories import make_thread, make_user
from tests.site import Site, Visitor, database_url
from tests.waiting import wait_for

ROOT = Path(__file__).parent.parent.parent
METRICS_CODE = "".join(
    (ROOT / name).read_text() for name in ("config/metrics.py", "chat/replies.py")
)
TOKEN = "hidden-metrics-token"


@pytest.fixture
def watched_site(
    transactional_db: None, site_environment: dict[str, str], tmp_path: Path
) -> Iterator[Site]:
    """Serve the site with two workers, a log in JSON, and metrics."""
    watched = {"LOG_FORMAT": "json", "METRICS_TOKEN": TOKEN}
    site = Site(tmp_path / "log", site_environment | watched, workers=2, access_log="")
    site.start(database_url())
    yield site
    site.stop()


def scrape(site: Site) -> dict[str, float]:
    """Return the samples of /metrics by name and labels."""
    status, text = site.get("/metrics", {"Authorization": f"Bearer {TOKEN}"})
    assert status == 200
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = [f"{key}={value}" for key, value in sorted(sample.labels.items())]
            found[" ".join([sample.name, *labels])] = sample.value
    return found


def test_log_and_metrics_tell_what_happened_and_nothing_that_was_written(
    watched_site: Site, provider: ProviderServer
) -> None:
    site, alice = watched_site, make_user()
    visitor, thread = site.log_in(alice), make_thread(alice)
    for _ in range(20):  # both workers
        assert visitor.get("/search/?q=hidden-search")[0] == 200
    reply = visitor.send(thread, "hidden-message words=3")
    assert visitor.read(reply)[1] == "complete"
    failed = visitor.send(thread, "hidden-message status=400")
    assert visitor.read(failed)[1] == "failed"
    site.get("/account/reset/Mg/hidden-token/")
    site.get("/hidden-path/?x=hidden")
    stranger = Visitor(site, "hidden-session")
    assert stranger.post("/account/log-in/", username=alice.email, password="hidden-word")[0] == 422
    site.get("/metrics", {"Authorization": "Bearer hidden-wrong"})
    wait_for(lambda: not Reply.objects.in_flight().exists())

    found = scrape(site)
    searches = "method=GET route=search/ status=200"
    assert found[f"twinthread_requests_total {searches}"] == 20
    assert found["twinthread_request_seconds_count route=search/"] == 20
    assert found["twinthread_requests_total method=GET route=unmatched status=404"] == 1
    assert found["twinthread_replies_total end=complete"] == 1
    assert found["twinthread_replies_total end=failed"] == 1
    assert sum(value for name, value in found.items() if "provider_errors_total" in name) == 1
    assert found["twinthread_first_text_seconds_count"] == 1
    assert found["twinthread_replies_in_flight"] == 0
    assert found["twinthread_database_up"] == 1
    assert found["twinthread_migrations_pending"] == 0
    assert site.get("/metrics")[0] == 401

    site.stop()
    text = site.log.read_text()
    assert "hidden" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    requests = [line for line in lines if line["logger"] == "twinthread.request"]
    search = next(line for line in requests if line["route"] == "search/")
    assert search["person"] == str(alice.pk)
    assert (search["method"], search["status"]) == ("GET", 200)
    assert search["queries"] > 2
    assert 0 < search["first_byte_ms"] <= search["duration_ms"]
    assert len({line["request_id"] for line in requests}) == len(requests)
    stream = next(line for line in requests if "stream" in line["route"])
    assert stream["person"] == str(alice.pk)
    assert {line["level"] for line in lines} <= {"INFO", "WARNING"}


def test_errors_are_logged_without_rows_and_passwords() -> None:
    text = (
        "Traceback\npsycopg.errors.CheckViolation: new row violates a constraint\n"
        "DETAIL:  Failing row contains (1, hidden\nhidden).\n\n"
        "The above exception was the direct cause\n"
        "connecting to postgresql://alice:hidden@db/x, GET /search/?q=hidden"
    )
    assert "hidden" not in redact(text)
    assert "The above exception" in redact(text)
    try:
        raise ValueError(text)
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "", 1, "%s", (text,), sys.exc_info())
    for formatter in (TextFormatter(), JSONFormatter()):
        line = formatter.format(record)
        assert "hidden" not in line
        assert "CheckViolation" in line


@pytest.mark.engines("sqlite", "postgresql")
@pytest.mark.django_db
def test_metrics_are_for_those_who_have_the_token(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = TOKEN
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer no"}).status_code == 401
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert "twinthread_migrations_pending 0.0" in answer.content.decode()
    assert "twinthread_database_up 1.0" in answer.content.decode()


def test_dashboard_asks_for_metrics_that_exist() -> None:
    dashboard: dict[str, Any] = json.loads((ROOT / "deploy/grafana.json").read_text())
    expressions = [
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])
    ]
    asked = {name for text in expressions for name in re.findall(r"twinthread_\w+", text)}
    kinds = ("_total", "_bucket", "_sum", "_count", "")
    counted = {
        f"twinthread_{name}{kind}"
        for name in re.findall(r'"twinthread_(\w+)"', METRICS_CODE)
        for kind in kinds
    }
    assert len(asked) >= 10
    assert asked - counted == set()
    positions = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(positions)) == len(positions)
