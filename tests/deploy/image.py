"""Run what the container's image runs, without a container engine.

The Dockerfile's instructions are carried out in a folder that stands for the image's root: `/venv`
becomes FOLDER/venv. The code is then write-protected, and commands run without any capability, so
that root too is bound by it, as in a container with a read-only file system. uv stands in for pip:
it takes the same options and links the packages' files instead of copying them.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parent.parent.parent
# The folders of the image that stand for themselves in commands and variables.
PLACES = re.compile(r"(?<![\w./])/(venv|app|data|tmp)\b")
# Instructions that need root, or a system of their own.
NEEDS_ROOT = ("groupadd",)
WITH_UV = {
    "python -m venv": "uv venv -q",
    "/venv/bin/pip install": "uv pip install -q --python /venv/bin/python",
}
HOME = {"HOME": str(Path.home())}  # with uv's cache


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile and their values, in order."""
    with (ROOT / "Dockerfile").open("rb") as file:
        structure = DockerfileParser(fileobj=file).structure
    found = [(one["instruction"], one["value"]) for one in structure]
    return [one for one in found if one[0] != "COMMENT"]


def context() -> list[str]:
    """Return the files that `docker build` sends: those that .dockerignore does not name."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]

    def is_ignored(name: str) -> bool:
        path = Path(name)
        paths = [str(one) for one in (path, *path.parents)]
        return any(
            fnmatch.fnmatch(one, pattern) or fnmatch.fnmatch(one, pattern.removeprefix("**/"))
            for one in paths
            for pattern in patterns
        )

    return [name for name in listed if not is_ignored(name) and (ROOT / name).exists()]


@dataclass
class Image:
    """What the Dockerfile makes, in a folder."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str = ""
    command: list[str] = field(default_factory=list)

    def place(self, text: str) -> str:
        """Return `text` with the image's paths as paths in the folder."""
        return PLACES.sub(rf"{self.folder}/\1", text)

    def build(self) -> None:
        """Carry out the instructions, and write-protect what they made."""
        programs = self.folder / "programs"
        for path in (programs, self.folder / "app", self.folder / "data", self.folder / "tmp"):
            path.mkdir()
        (programs / "python").symlink_to(Path(sys.base_prefix, "bin", "python3").resolve())
        (programs / "uv").symlink_to(Path(sysconfig.get_path("scripts"), "uv"))
        base = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": "/nonexistent"}
        self.environment = dict(base)
        for name, value in instructions():
            match name:
                case "FROM":
                    self.environment = dict(base)
                case "ENV":
                    pairs = (word.partition("=") for word in shlex.split(value))
                    for key, _, text in pairs:
                        text = text.replace("$PATH", self.environment["PATH"])
                        self.environment[key] = self.place(text)
                case "COPY" if not value.startswith("--from"):
                    self._copy(value.split()[0])
                case "RUN" if not value.startswith(NEEDS_ROOT):
                    self._build_step(value)
                case "USER":
                    self.user = value
                case "CMD":
                    self.command = json.loads(value)
        subprocess.run(["chmod", "-R", "a-w", str(self.folder / "app")], check=True)

    def _build_step(self, value: str) -> None:
        value = self.place(value)
        for ours, quicker in WITH_UV.items():
            value = value.replace(self.place(ours), self.place(quicker))
        # The machine's own variables say which registry is used.
        done = self.run(["sh", "-ec", value], dict(os.environ) | self.environment | HOME)
        assert done.returncode == 0, done.stdout + done.stderr

    def _copy(self, source: str) -> None:
        names = context() if source == "." else [source]
        for name in names:
            target = self.folder / "app" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())

    def arguments(self, command: list[str]) -> list[str]:
        """Return the command without capabilities, from the image's own PATH."""
        program, *others = command
        for folder in self.environment["PATH"].split(":"):
            if Path(folder, program).exists():
                program = str(Path(folder, program))
                break
        # `cap_drop: [ALL]`: without them root too respects the permissions of files.
        drop = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--"]
        return [*(drop if os.geteuid() == 0 else []), program, *others]

    def variables(self, environment: dict[str, str]) -> dict[str, str]:
        """Return the environment of a process in a container."""
        return self.environment | {"TMPDIR": str(self.folder / "tmp")} | environment

    def run(
        self, command: list[str], environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a container until it ends."""
        return subprocess.run(
            self.arguments(command),
            cwd=self.folder / "app",
            env=self.variables(environment or {}),
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start the image's own command in a container."""
        with log.open("wb") as file:
            return subprocess.Popen(
                self.arguments(self.command),
                cwd=self.folder / "app",
                env=self.variables(environment),
                stdout=file,
                stderr=file,
            )
