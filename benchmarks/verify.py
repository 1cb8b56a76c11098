"""What `verify` takes on a database with 200 tables of other people's apps.

    python -m benchmarks.verify [--rounds 9]

Twenty apps of ten tables each, with foreign keys, indexes and constraints, are migrated by
`migrate`; then `manage.py verify` runs in processes of its own, on SQLite and on PostgreSQL. Beside
it stands what every command that knows the migrations takes: to start Python and Django and to
read the migrations. The bound is on the difference.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.nothing_pending import ROOT, measure
from tests import postgres

APPS, TABLES = 20, 10
START = """
import django
django.setup()
from django.db.migrations.loader import MigrationLoader
MigrationLoader(None)
"""
BOUND = 1.0
"""Seconds."""

MIGRATION = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = []
    operations = [
        operation
        for number in range({tables})
        for operation in (
            migrations.CreateModel(
                f"Thing{{number}}",
                [
                    ("id", models.BigAutoField(primary_key=True)),
                    ("name", models.CharField(max_length=100, unique=True)),
                    ("price", models.DecimalField(max_digits=9, decimal_places=2, null=True)),
                    ("made_at", models.DateTimeField(db_index=True)),
                    ("parent", models.ForeignKey(f"{app}.Thing{{max(number - 1, 0)}}",
                                                 models.CASCADE, related_name="+")),
                ],
            ),
            migrations.AddConstraint(
                f"Thing{{number}}",
                models.CheckConstraint(
                    condition=models.Q(price__gte=0), name=f"{app}_{{number}}_price"
                ),
            ),
        )
    ]
"""


def write_project(folder: Path) -> None:
    """Write the apps, and settings that install them beside the project's."""
    names = [f"vendor{number}" for number in range(APPS)]
    for name in names:
        migrations = folder / name / "migrations"
        migrations.mkdir(parents=True)
        (folder / name / "__init__.py").touch()
        (migrations / "__init__.py").touch()
        text = MIGRATION.format(app=name, tables=TABLES)
        (migrations / "0001_initial.py").write_text(text)
    (folder / "with_vendors.py").write_text(
        f"from config.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, *{names!r}]\n"
    )


def run(engine: str, url: str, folder: Path, rounds: int) -> float:
    """Print one line for the engine; return the median of what verify itself takes, in seconds."""
    environment = os.environ | {
        "DATABASE_URL": url,
        "DEBUG": "1",
        "DJANGO_SETTINGS_MODULE": "with_vendors",
        "PYTHONPATH": str(folder),
    }
    verify, start = [sys.executable, "manage.py", "verify"], [sys.executable, "-c", START]
    subprocess.run([*verify[:2], "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    for command in (verify, start):
        measure(command, environment)
    times = [
        (measure(start, environment)[0], measure(verify, environment)[0]) for _ in range(rounds)
    ]
    before = statistics.median(one for one, _ in times)
    passed = statistics.median(one for _, one in times)
    own = statistics.median(other - one for one, other in times)
    print(f"{engine:<12}{before:>10.2f} s{passed:>10.2f} s{own:>10.2f} s")
    return own


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print(f"{'engine':<12}{'start':>12}{'verify':>12}{'difference':>12}")
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder))
        longest = max(
            run("SQLite", f"sqlite:///{folder}/verify.sqlite3", Path(folder), rounds),
            run("PostgreSQL", postgres.start(), Path(folder), rounds),
        )
    print(f"bound: {BOUND} s; {'kept' if longest <= BOUND else 'NOT kept'}")
    return 0 if longest <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
