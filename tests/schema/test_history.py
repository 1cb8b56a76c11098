"""The history of runs."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from schema.history.checksums import source_checksum
from schema.models import MigrationRun
from tests.conftest import Database


def history(database: Database, *, as_json: bool = False) -> str:
    out = StringIO()
    call_command("history", database=database.alias, as_json=as_json, stdout=out)
    return out.getvalue()


def test_history_of_an_empty_database_is_empty(empty_database: Database) -> None:
    assert history(empty_database) == (
        "No runs yet: `python manage.py migrate` writes the history.\n"
    )


def test_history_holds_every_run_the_newest_last(empty_database: Database) -> None:
    call_command("migrate", "chat", "0001", database=empty_database.alias, verbosity=0)
    call_command("migrate", "chat", "zero", database=empty_database.alias, verbosity=0)
    runs = [json.loads(line) for line in history(empty_database, as_json=True).splitlines()]
    assert {run["outcome"] for run in runs} == {MigrationRun.Outcome.SUCCEEDED}
    assert (runs[0]["app"], runs[0]["name"]) == ("schema", "0001_initial")
    assert [(run["app"], run["name"], run["direction"]) for run in runs[-2:]] == [
        ("chat", "0001_chat_history", "forwards"),
        ("chat", "0001_chat_history", "backwards"),
    ]
    assert all(run["seconds"] >= 0 and run["operator"] and run["host"] for run in runs)
    assert all(len(run["checksum"]) == 64 for run in runs)
    assert len(history(empty_database).splitlines()) == len(runs)


def test_checksum_ignores_layout_and_comments() -> None:
    tidy = 'def f(a):\n    """Say it."""\n    return [a, "b"]\n'
    untidy = "# why\ndef f( a ):\n\n  'Say it.'\n  return [\n    a,  # first\n    'b',\n  ]\n"
    assert source_checksum(tidy) == source_checksum(untidy)


@pytest.mark.parametrize("change", [("Say it.", "Say."), ('"b"', '"c"'), ("[a,", "[b,")])
def test_checksum_counts_every_text_and_name(change: tuple[str, str]) -> None:
    tidy = 'def f(a):\n    """Say it."""\n    return [a, "b"]\n'
    assert source_checksum(tidy) != source_checksum(tidy.replace(*change))
