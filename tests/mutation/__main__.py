"""Measure how many faults the tests notice: `python -m tests.mutation schema/drift`.

A mutant is a module changed in one place: a comparison turned round, a statement left out, a
number off by one. A mutant is killed if a test fails, and survives if every test passes. What
survives shows code that no test holds to anything.

The tests run in processes of their own on a copy of the repository, so a mutant is in force in
gunicorn and in `manage.py` too, wherever a test starts them.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import postgres
from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parent.parent.parent
PYTEST = [
    sys.executable,
    "-m",
    "pytest",
    "-x",
    "-q",
    "-n",
    "0",
    "--share",
    "-p",
    "no:cacheprovider",
]
PYTEST += ["-p", "tests.mutation.killers"]
PASSED = {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}


def main() -> None:
    """Run a sample of the mutants of a package or module, and print the score by module."""
    options = arguments()
    source = Path(options.source)
    modules = {path: mutants((ROOT / path).read_text()) for path in modules_of(source)}
    sampled = sample(modules, options.sample, options.seed)
    with tempfile.TemporaryDirectory(prefix="twinthread-mutation-") as folder:
        runner = Runner(Path(folder, "repository"), options.tests or [f"tests/{source}"])
        copy_repository(runner.copy)
        begin = time.monotonic()
        if runner.run():
            sys.exit("The tests fail on the code as it is. Repair them first.")
        seconds = time.monotonic() - begin
        write(f"{len(sampled)} mutants; the tests take {seconds:.0f} s")
        # A mutant may loop for ever; the machine may be busier than during the first run.
        runner.limit = 60 + 5 * seconds
        survivors = survivors_of(runner, sampled)
    table(modules, sampled, survivors)


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("source", help="a package or a module, such as schema/drift")
    parser.add_argument("--tests", nargs="+", help="what to run (default: tests/SOURCE)")
    parser.add_argument("--sample", type=int, default=40, help="how many mutants (default: 40)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: 1)")
    return parser.parse_args()


def modules_of(source: Path) -> list[Path]:
    """Return the modules of a package, or the module itself, relative to the root."""
    if (ROOT / source).is_dir():
        return sorted(path.relative_to(ROOT) for path in (ROOT / source).rglob("*.py"))
    return [source.with_suffix(".py")]


def sample(modules: dict[Path, list[Mutant]], size: int, seed: int) -> list[tuple[Path, Mutant]]:
    """Return `size` mutants of all modules, the same ones for the same seed."""
    every = [(path, mutant) for path, found in modules.items() for mutant in found]
    drawn = random.Random(seed).sample(range(len(every)), min(size, len(every)))
    return [every[index] for index in sorted(drawn)]


def copy_repository(target: Path) -> None:
    """Copy the files that belong to the repository, with what is not committed yet."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)


@dataclass
class Runner:
    """Run the tests on a copy of the repository, on SQLite and then on PostgreSQL."""

    copy: Path
    tests: list[str]
    limit: float | None = None

    def __post_init__(self) -> None:
        self.engines = [
            {"TEST_ENGINE": "sqlite", "TEST_DATABASE_URL": ""},
            {"TEST_ENGINE": "postgresql", "TEST_DATABASE_URL": postgres.start()},
        ]

    def run(self) -> bool:
        """Return whether a test failed, or the tests of an engine exceeded the limit."""
        return any(self._run(engine) not in PASSED for engine in self.engines)

    def _run(self, engine: dict[str, str]) -> int | None:
        killers = {"MUTATION_KILLERS": str(self.copy.with_name("killers"))}
        process = subprocess.Popen(
            [*PYTEST, *self.tests],
            cwd=self.copy,
            env=os.environ | killers | engine,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(self.limit)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # pytest ends the servers that the tests started
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None


def survivors_of(runner: Runner, sampled: list[tuple[Path, Mutant]]) -> list[tuple[Path, Mutant]]:
    """Run the tests on each mutant; return the mutants that every test passes."""
    survivors: list[tuple[Path, Mutant]] = []
    for number, (path, mutant) in enumerate(sampled, 1):
        (runner.copy / path).write_text(mutant.source)
        killed = runner.run()
        shutil.copyfile(ROOT / path, runner.copy / path)
        result = "killed" if killed else "SURVIVED"
        write(f"{number}/{len(sampled)} {result} {path}:{mutant.line}")
        if not killed:
            write(mutant.change + "\n")
            survivors.append((path, mutant))
    return survivors


def table(
    modules: dict[Path, list[Mutant]],
    sampled: list[tuple[Path, Mutant]],
    survivors: list[tuple[Path, Mutant]],
) -> None:
    """Print how many mutants of each module were tried, how many were killed, and the score."""
    tried, survived = Counter(path for path, _ in sampled), Counter(path for path, _ in survivors)
    write(f"\n{'module':44} {'mutants':>8} {'tried':>6} {'killed':>7} {'score':>6}")
    for path, found in modules.items():
        if tried[path]:
            write(row(str(path), len(found), tried[path], survived[path]))
    every = sum(len(found) for found in modules.values())
    write(row("together", every, len(sampled), len(survivors)))


def row(name: str, every: int, tried: int, survived: int) -> str:
    """Return a row of the table."""
    killed = tried - survived
    return f"{name:44} {every:8} {tried:6} {killed:7} {killed / tried:6.0%}"


def write(line: str) -> None:
    """Write a line at once: a run takes minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
