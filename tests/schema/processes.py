"""`manage.py` in processes of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent.parent


def start(url: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start `manage.py` on the database at `url`."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(url: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run `manage.py` on the database at `url`; return its status, output and errors."""
    process = start(url, *arguments, **environment)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err
