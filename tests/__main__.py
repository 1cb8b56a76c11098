"""Run every check of this project: `python -m tests [pytest arguments]`."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests import postgres

ROOT = Path(__file__).parent.parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "-n", "2", *sys.argv[1:]]


# Debian's packages that the tests drive as they are, and their programs.
PROGRAMS = {"chromium": "chromium", "pgbouncer": "/usr/sbin/pgbouncer"}


def main() -> int:
    """Run the checks one after the other; return 1 if any failed."""
    install_programs()
    checks: list[tuple[str, list[str], dict[str, str]]] = [
        ("format", ["ruff", "format", "--check", "."], {}),
        ("lint", ["ruff", "check", "."], {}),
        ("types", ["mypy", "."], {"DEBUG": "1"}),
        (
            "migrations are complete",
            ["manage.py", "makemigrations", "--check", "--dry-run"],
            {"DEBUG": "1", "DATABASE_URL": "sqlite://:memory:"},
        ),
        ("tests on SQLite", PYTEST, {"TEST_ENGINE": "sqlite", "TEST_DATABASE_URL": ""}),
        ("tests on PostgreSQL", PYTEST, {"TEST_ENGINE": "postgresql"}),
    ]
    older = (postgres.installed() or ["postgresql-16"])[0]
    checks.append(
        (
            f"migration tests on {older}",
            [*PYTEST, "-m", "every_server"],
            {"TEST_ENGINE": older, "TEST_DATABASE_URL": ""},
        )
    )
    failed, unsteady = [], []
    for name, command, environment in checks:
        if command[0] in {"ruff", "mypy"}:
            command = [sys.executable, "-m", *command]
        elif command[0] == "manage.py":
            command = [sys.executable, *command]
        say(f"== {name}")
        begin = time.monotonic()
        status = subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=False)
        say(
            f"== {name}: {'ok' if status.returncode == 0 else 'FAILED'}"
            f" ({time.monotonic() - begin:.0f} s)\n"
        )
        if status.returncode and "pytest" in command:
            # What waits for other processes can fail on a machine that is overloaded: once
            # more, alone, with both outcomes in sight.
            say(f"== {name}: running what failed once more, one at a time")
            again = [*command, "-n", "0", "--last-failed", "--last-failed-no-failures", "none"]
            status = subprocess.run(again, cwd=ROOT, env=os.environ | environment, check=False)
            unsteady += [] if status.returncode else [name]
        if status.returncode:
            failed.append(name)
    say(f"engines used: SQLite, PostgreSQL (embedded, or TEST_DATABASE_URL), {older}")
    if unsteady:
        say("UNSTEADY, failed at first and passed when run alone: " + ", ".join(unsteady))
    say("FAILED: " + ", ".join(failed) if failed else "every check passed")
    return 1 if failed else 0


def install_programs() -> None:
    """Install the programs that are not here, or say what is missing and what to do."""
    missing = [package for package, program in PROGRAMS.items() if not shutil.which(program)]
    if not missing:
        return
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-q"], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(install, check=False, stdout=subprocess.DEVNULL)
    else:
        say(f"not installed here: {', '.join(missing)}. Run: sudo {' '.join(install)}")


def say(line: str) -> None:
    """Write one line at once, in step with what the checks write."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
