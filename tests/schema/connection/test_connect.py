"""`migrate` where the database cannot be reached, or takes nothing: plain lines, status 1."""

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.management import CommandError, call_command

from tests import postgres
from tests.conftest import Database
from tests.schema.processes import ROOT, run, start

PASSWORD = "s3cret-word"


@pytest.fixture(scope="module")
def guarded_server() -> str:
    """Return the URL of a server that asks for a password."""
    chosen = os.environ["TEST_ENGINE"]
    return postgres.start(chosen if chosen != "sqlite" else "postgresql", PASSWORD)


@pytest.fixture
def free_port() -> Iterator[int]:
    """Return a port that is taken, so that no server appears there, and does not listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def plain(err: str) -> list[str]:
    assert "Traceback" not in err
    assert PASSWORD not in err
    return err.strip().splitlines()


@pytest.mark.engines("postgresql")
def test_unreachable_server(free_port: int) -> None:
    url = f"postgresql://alice:{PASSWORD}@127.0.0.1:{free_port}/chat"
    status, out, err = run(url, "migrate")
    lines = plain(err)
    assert (status, out, len(lines)) == (1, "", 3)
    assert lines[0] == (
        f'CommandError: Cannot connect to the database "chat" on 127.0.0.1, port {free_port},'
        ' as user "alice": no server answers there.'
    )
    assert lines[2] == (
        "Nothing was changed. Start it, or correct host and port in DATABASE_URL;"
        " `migrate --wait SECONDS` waits for one that is starting."
    )


@pytest.mark.engines("postgresql")
def test_wrong_password(guarded_server: str) -> None:
    status, out, err = run(guarded_server.replace(PASSWORD, "wrong"), "migrate")
    lines = plain(err)
    port = urlsplit(guarded_server).port
    assert (status, out, len(lines)) == (1, "", 3)
    assert lines[0] == (
        f'CommandError: Cannot connect to the database "postgres" on 127.0.0.1, port {port},'
        ' as user "postgres": the server refuses the log-in.'
    )
    assert lines[2] == (
        "Nothing was changed. Check the user, the password (@ is written %40, % is %25) and the"
        " name of the database in DATABASE_URL."
    )


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize(
    ("option", "reason", "way_out"),
    [
        ("sslmode=sometimes", "an option is wrong", "what follows the ?"),
        ("color=blue", "an option is wrong", "what follows the ?"),
        ("connect_timeout=soon", "an option is wrong", "what follows the ?"),
        (
            "sslmode=require",
            "a server answers there, but not with the requested encryption",
            "sslmode",
        ),
    ],
)
def test_option_that_cannot_work(
    guarded_server: str, option: str, reason: str, way_out: str
) -> None:
    status, out, err = run(f"{guarded_server}?{option}", "migrate")
    lines = plain(err)
    assert (status, out, len(lines)) == (1, "", 3)
    assert lines[0].endswith(f', as user "postgres": {reason}.')
    assert lines[2].startswith(f"Nothing was changed. Correct {way_out} in DATABASE_URL")


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize("arguments", [["migrate"], ["migrate", "--check"], ["migrate", "--plan"]])
def test_role_without_rights_on_a_database_that_is_migrated(
    empty_database: Database, arguments: list[str]
) -> None:
    run(empty_database.url, "migrate", "schema", "-v0")
    with psycopg.connect(empty_database.url, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{empty_database.alias}" LOGIN'.encode())
        url = empty_database.url.replace("postgres@", f"{empty_database.alias}@", 1)
        status, out, err = run(url, *arguments)
        connection.execute(f'DROP ROLE "{empty_database.alias}"'.encode())
    lines = plain(err)
    assert (status, out, len(lines)) == (1, "", 2)
    assert lines[0].startswith("CommandError: Cannot migrate the database ")
    assert lines[0].endswith(
        f' as user "{empty_database.alias}": permission denied for table django_migrations.'
    )
    assert lines[1] == (
        "It failed between migrations, so none is half-done. The role lacks a privilege: grant it,"
        " or migrate as the owner of the tables."
    )


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize(
    ("command", "left"),
    [("showmigrations", "Nothing was changed. "), ("demo", ""), ("purge_threads", "")],
)
def test_other_commands_need_no_traceback_either(free_port: int, command: str, left: str) -> None:
    status, out, err = run(f"postgresql://alice:{PASSWORD}@127.0.0.1:{free_port}/chat", command)
    lines = plain(err)
    assert (status, out, len(lines)) == (1, "", 3)
    assert lines[0].endswith(": no server answers there.")
    assert lines[2].startswith(f"{left}Start it, or correct host and port in DATABASE_URL;")


@pytest.mark.engines("postgresql")
def test_missing_database(guarded_server: str) -> None:
    url = urlunsplit(urlsplit(guarded_server)._replace(path="/nowhere"))
    status, out, err = run(url, "migrate")
    lines = plain(err)
    assert (status, out, len(lines)) == (1, "", 3)
    assert lines[0].endswith("there is no such database.")
    assert lines[2] == (
        'Nothing was changed. Create it (CREATE DATABASE "nowhere"), or correct the name in'
        " DATABASE_URL."
    )


@pytest.mark.engines("postgresql")
def test_role_without_rights_to_create_tables(guarded_server: str) -> None:
    with psycopg.connect(guarded_server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'".encode())
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    url = guarded_server.replace("postgres:", "guest:", 1)
    status, out, err = run(url, "migrate")
    assert (status, out) == (1, "")
    assert plain(err) == [
        "CommandError: A problem stands in the way; nothing was changed:",
        '  1. The role "guest" may not create tables in the schema "public".',
        '      As its owner: GRANT CREATE ON SCHEMA "public" TO "guest";',
    ]
    with psycopg.connect(guarded_server) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchone() == (0,)


@pytest.mark.engines("postgresql")
def test_migrate_lists_every_table_the_role_does_not_own(empty_database: Database) -> None:
    run(empty_database.url, "migrate", "personas", "0001", "-v0")
    run(empty_database.url, "migrate", "chat", "0001", "-v0")
    with psycopg.connect(empty_database.url, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{empty_database.alias}" LOGIN'.encode())
        connection.execute(f'GRANT CREATE ON SCHEMA public TO "{empty_database.alias}"'.encode())
        connection.execute(
            f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{empty_database.alias}"'.encode()
        )
        url = empty_database.url.replace("postgres@", f"{empty_database.alias}@", 1)
        status, out, err = run(url, "migrate")
        connection.execute(f'DROP OWNED BY "{empty_database.alias}"'.encode())
        connection.execute(f'DROP ROLE "{empty_database.alias}"'.encode())
    lines = plain(err)
    assert (status, out) == (1, "")
    assert lines[0] == "CommandError: 2 problems stand in the way; nothing was changed:"
    assert [line.split("alter the table ")[1] for line in lines[1::2]] == [
        '"chat_messages", which "postgres" owns.',
        '"personas", which "postgres" owns.',
    ]


@pytest.mark.engines("postgresql")
def test_wait_waits_for_a_server_that_is_starting(empty_database: Database, free_port: int) -> None:
    """A proxy opens the port only when migrate has said that it waits."""
    parts = urlsplit(empty_database.url)
    server = (str(parts.hostname), int(parts.port or 5432))
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        url = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}"))
        process = start(url, "migrate", "schema", "--wait", "60")
        assert process.stdout is not None
        assert "does not answer yet: waiting" in process.stdout.readline()
        listener.listen()
        proxy = threading.Thread(target=forward, args=(listener, server))
        proxy.start()
        out, _ = process.communicate(timeout=60)
        listener.shutdown(socket.SHUT_RDWR)
        proxy.join()
    assert process.returncode == 0
    assert "applied schema.0001_initial" in out


def forward(listener: socket.socket, server: tuple[str, int]) -> None:
    """Pass every connection on to the server, until nobody can come any more."""
    relays = []
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            break
        relays.append(threading.Thread(target=relay, args=(client, server)))
        relays[-1].start()
    for thread in relays:
        thread.join()


def relay(client: socket.socket, server: tuple[str, int]) -> None:
    """Pass on what either side says; hang up when both have ended."""
    with client, socket.create_connection(server) as upstream:
        answers = threading.Thread(target=pump, args=(upstream, client))
        answers.start()
        pump(client, upstream)
        answers.join()


def pump(source: socket.socket, drain: socket.socket) -> None:
    """Pass on what `source` says until it ends."""
    with contextlib.suppress(OSError):  # the other side hung up first
        while data := source.recv(65536):
            drain.sendall(data)
    with contextlib.suppress(OSError):
        drain.shutdown(socket.SHUT_WR)


@pytest.mark.engines("sqlite")
def test_sqlite_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    status, out, err = run(f"sqlite:///{tmp_path}/nowhere/chat.sqlite3", "migrate")
    lines = plain(err)
    assert (status, out, len(lines)) == (1, "", 3)
    assert lines[0].endswith(f"there is no folder {tmp_path}/nowhere.")
    assert lines[2] == "Nothing was changed. Create it, or correct DATABASE_URL."


@pytest.mark.engines("sqlite")
def test_sqlite_that_is_something_else(tmp_path: Path) -> None:
    file = tmp_path / "chat.sqlite3"
    file.write_bytes(b"Dear diary, " * 100)
    status, out, err = run(f"sqlite:///{file}", "migrate")
    lines = plain(err)
    assert (status, out, len(lines)) == (1, "", 3)
    assert lines[1] == "It says: file is not a database"
    assert file.read_bytes() == b"Dear diary, " * 100


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "PRAGMA locking_mode = EXCLUSIVE"])
def test_sqlite_that_another_program_has_locked(empty_database: Database, lock: str) -> None:
    call_command("migrate", "schema", database=empty_database.alias, verbosity=0)
    connection = empty_database.connection
    connection.close()
    connection.settings_dict["OPTIONS"]["timeout"] = 0.1
    file = str(connection.settings_dict["NAME"])
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute(lock)
        other.execute("BEGIN EXCLUSIVE" if "PRAGMA" in lock else "SELECT 1")
        if "PRAGMA" in lock:
            other.execute("COMMIT")  # the lock stays in this mode
        with pytest.raises(CommandError) as refusal:
            call_command("migrate", database=empty_database.alias, verbosity=0)
        other.execute("SELECT 1")
    lines = str(refusal.value).splitlines()
    assert refusal.value.returncode == 1
    assert lines == [
        f"Cannot connect to the SQLite database {file}: another program has locked it for longer"
        " than the time-out.",
        "It says: database is locked",
        "Nothing was changed. Stop that program (`fuser` names it), then run it again.",
    ]


@pytest.mark.engines("sqlite")
def test_sqlite_on_a_disk_that_gets_full(empty_database: Database) -> None:
    """The limit on the size of files stands for a disk; 100 kB do not hold the tables."""
    file = Path(str(empty_database.connection.settings_dict["NAME"]))
    command = 'ulimit -f 100; exec "$0" manage.py migrate users'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable],
        env=os.environ | {"DATABASE_URL": empty_database.url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    lines = plain(done.stderr)
    assert lines[0].startswith("CommandError: ")
    assert "then run migrate again." in lines[-1] or "check it first" in lines[-1]
    assert run(empty_database.url, "migrate", "users", "-v0") == (0, "", "")
    assert file.stat().st_size > 100 * 1024


@pytest.mark.engines("sqlite")
def test_sqlite_on_a_network_disk_is_named(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The kernel's list of mounts says so; no network disk can be mounted here."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw,vers=4.2 0 0\n")
    monkeypatch.setattr("schema.migrator.network_disk.MOUNTS", mounts)
    out = StringIO()
    call_command("migrate", "schema", database=empty_database.alias, stdout=out)
    assert (
        f"The SQLite database is on a network disk (nfs4, mounted at {tmp_path}). Only one machine"
        " may use it at a time: its write-ahead log does not work across machines."
    ) in out.getvalue()
