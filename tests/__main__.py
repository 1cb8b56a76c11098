"""Run every check of this project: `python -m tests [pytest arguments]`.

The checks run side by side: tests wait for servers, processes and browsers half of their time.
What a check writes is shown when it ends.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from tests import postgres

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))
PYTHON = sys.executable
CORES = os.cpu_count() or 1
NO_TESTS = 5  # pytest's exit status
# Debian packages whose programs the tests run, and these programs.
PROGRAMS = {
    "chromium": "chromium",
    "pgbouncer": "/usr/sbin/pgbouncer",
    "nginx-light": "/usr/sbin/nginx",
    "caddy": "caddy",
}


@dataclass(frozen=True)
class Check:
    """A command that has to succeed."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """How a check ended; it is unsteady if it passed only when what failed ran again, alone."""

    check: Check
    passed: bool
    unsteady: bool
    seconds: float
    output: str


def main() -> int:
    """Run the checks; return 1 if any failed."""
    install_programs()
    postgresql, sqlite, older = engines()
    queues = [[postgresql], [sqlite, older], static_checks()]
    begin = time.monotonic()
    results: list[Result] = []
    with ThreadPoolExecutor(len(queues)) as pool:
        futures = [pool.submit(run_queue, queue) for queue in queues]
        for future in as_completed(futures):
            results += future.result()
    write(f"{time.monotonic() - begin:.0f} seconds in all")
    if unsteady := [result.check.name for result in results if result.unsteady]:
        write("UNSTEADY, failed at first and passed when run alone: " + ", ".join(unsteady))
    failed = [result.check.name for result in results if not result.passed]
    write("FAILED: " + ", ".join(failed) if failed else "every check passed")
    return 1 if failed else 0


def engines() -> list[Check]:
    """Return the tests, shared by the engines: PostgreSQL, SQLite and an older PostgreSQL.

    PostgreSQL's share is the largest. Every worker collects the tests and migrates a database, so
    there are no more of them than keep the machine busy.
    """
    older = (postgres.installed() or ["postgresql-16"])[0]
    return [
        tests("PostgreSQL", "postgresql", CORES),
        tests("SQLite", "sqlite", CORES // 2),
        tests(older, older, CORES // 2),
    ]


def tests(name: str, engine: str, workers: int) -> Check:
    """Return an engine's share of the tests; TEST_DATABASE_URL names a server for PostgreSQL's."""
    # pytest then rewrites the assertions once, and not in every worker of every run.
    environment = {"TEST_ENGINE": engine, "PYTHONDONTWRITEBYTECODE": ""}
    if engine != "postgresql":
        environment["TEST_DATABASE_URL"] = ""
    command = [PYTHON, "-m", "pytest", "-q", "--share"]
    command += ["-n", str(workers), "--dist", "worksteal"] if workers > 1 else ["-n", "0"]
    return Check(f"tests on {name}", [*command, *sys.argv[1:]], environment)


def static_checks() -> list[Check]:
    """Return the checks that read the code."""
    settings = {"DEBUG": "1", "DATABASE_URL": "sqlite://:memory:"}
    makemigrations = [PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"]
    return [
        Check("format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        Check("lint", [PYTHON, "-m", "ruff", "check", "."]),
        Check("imports", [str(SCRIPTS / "lint-imports"), "--no-cache"]),
        Check("migrations are complete", makemigrations, settings),
        Check("types", [PYTHON, "-m", "mypy", "."], settings),
    ]


def run_queue(checks: list[Check]) -> list[Result]:
    """Run checks one after the other, and write how each ended."""
    results = []
    for check in checks:
        result = run_check(check)
        results.append(result)
        status = "ok" if result.passed else "FAILED"
        write(f"{result.output}== {check.name}: {status} ({result.seconds:.0f} s)\n")
    return results


def run_check(check: Check) -> Result:
    """Run a check; run tests that failed once more, one at a time."""
    begin = time.monotonic()
    passed, output = run(check, check.command)
    unsteady = False
    if not passed and "pytest" in check.command:
        again = ["-n", "0", "--last-failed", "--last-failed-no-failures", "none"]
        passed, more = run(check, [*check.command, *again])
        unsteady = passed
        output += f"\n== {check.name}: what failed, once more, one at a time\n{more}"
    return Result(check, passed, unsteady, time.monotonic() - begin, output)


def run(check: Check, command: list[str]) -> tuple[bool, str]:
    """Run a command; return whether it succeeded, and what it wrote."""
    # Each engine remembers its own failures.
    name = check.name.replace("/", "-")
    cache = ["-o", f"cache_dir=.pytest_cache/{name}"] if "pytest" in command else []
    done = subprocess.run(
        [*command, *cache],
        cwd=ROOT,
        env=os.environ | check.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # Arguments may select tests of which an engine has none.
    passed = (0, NO_TESTS) if sys.argv[1:] and "pytest" in command else (0,)
    return done.returncode in passed, done.stdout


def install_programs() -> None:
    """Install the programs that are missing, or write what to run."""
    missing = [package for package, program in PROGRAMS.items() if not shutil.which(program)]
    if not missing:
        return
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-q"], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(install, check=False, stdout=subprocess.DEVNULL)
    else:
        write(f"Not installed: {', '.join(missing)}. Run: sudo {' '.join(install)}")


def write(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
