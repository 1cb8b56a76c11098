"""The SQL of the migrations, read by squawk, and the migrations by django-safe-migrations.

Both know what locks out live traffic. What is let through is listed with its reason, and a
reason that is no longer needed fails too.
"""

import json
import subprocess
import sysconfig
from collections import defaultdict
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django_safe_migrations.analyzer import MigrationAnalyzer
from django_safe_migrations.rules.base import Severity

from tests.schema.conftest import Migrated

ROOT = Path(__file__).parent.parent.parent
ROOMS = ["schema", "users", "personas", "threads", "chat", "api"]

# Beside this Python: the environment need not be the shell's.
SQUAWK_PROGRAM = Path(sysconfig.get_path("scripts")) / "squawk"
SMALL = "people have few personas: 100,000 are checked and indexed in 0.2 s"
SQUAWK: dict[str, dict[str, str]] = {
    "personas.0002_multi_persona": {
        "constraint-missing-not-valid": SMALL,
        "require-concurrent-index-creation": SMALL,
    },
    "chat.0007_squashed_0008_search_words": {
        "ban-drop-function": "only the release before searched by it",
    },
    "chat.0012_search_folding": {
        "ban-drop-function": "only the release before searched by them",
    },
}
# What squawk judges by the SQL itself. This one knows operations by their classes: foreign
# keys, indexes, unique and check constraints, which ours build online; and a foreign key
# without an index of its own, where an index of several columns begins with it.
JUDGED_BY_SQUAWK = {"SM005", "SM010", "SM011", "SM017", "SM025"}
SAFE: dict[str, dict[str, str]] = {
    "personas.0002_multi_persona": {
        "SM038": "the one active persona must be chosen before the index that allows one",
    },
}


def ours() -> list[Migration]:
    """Return every migration of this project, in the order of application."""
    loader = MigrationLoader(None)
    order: dict[tuple[str, str], None] = {}
    for leaf in loader.graph.leaf_nodes():
        order |= dict.fromkeys(loader.graph.forwards_plan(leaf))
    return [loader.graph.nodes[key] for key in order if key[0] in ROOMS]


@pytest.mark.engines("postgresql")
def test_squawk_finds_nothing_that_has_no_reason(migrated: Migrated, tmp_path: Path) -> None:
    for migration in ours():
        out = StringIO()
        call_command(
            "sqlmigrate",
            migration.app_label,
            migration.name,
            database=migrated.database.alias,
            stdout=out,
            no_color=True,
        )
        (tmp_path / f"{migration.app_label}.{migration.name}.sql").write_text(out.getvalue())
    done = subprocess.run(
        [
            SQUAWK_PROGRAM,
            "--config",
            ROOT / ".squawk.toml",
            "--reporter",
            "json",
            *tmp_path.iterdir(),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, set[str]] = defaultdict(set)
    for finding in json.loads(done.stdout):
        found[Path(finding["file"]).stem].add(finding["rule_name"])
    assert found == {name: set(reasons) for name, reasons in SQUAWK.items()}


def test_safe_migrations_finds_nothing_that_has_no_reason() -> None:
    analyzer = MigrationAnalyzer(db_vendor="postgresql")
    found: dict[str, set[str]] = defaultdict(set)
    for room in ROOMS:
        for finding in analyzer.analyze_app(room):
            if finding.severity is not Severity.INFO and finding.rule_id not in JUDGED_BY_SQUAWK:
                found[f"{finding.app_label}.{finding.migration_name}"].add(finding.rule_id)
    assert found == {name: set(reasons) for name, reasons in SAFE.items()}
