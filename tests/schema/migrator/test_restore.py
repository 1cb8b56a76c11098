"""A full cycle: backup, damage, the printed command, and everything is back."""

import os
import re
import shlex
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from tests import postgres
from tests.conftest import Database, new_database
from tests.schema.migrator.test_backup import ADD_USER, restore, search_path
from tests.schema.processes import run

pytestmark = pytest.mark.engines("postgresql", "older")

OWN_PART = """
    CREATE SCHEMA reports;
    CREATE TABLE reports.people (id uuid REFERENCES users (id) ON DELETE CASCADE);
    CREATE VIEW reports.names AS SELECT name FROM users;
    CREATE TYPE reports.mood AS ENUM ('good');
    ALTER TABLE reports.people ENABLE ROW LEVEL SECURITY;
    CREATE POLICY nobody ON reports.people USING (false);
    SELECT lo_from_bytea(4711, 'a large object');
"""


@dataclass(frozen=True)
class Owned:
    """A database whose owner is no superuser, on a server that is not the default one."""

    database: Database
    role: str
    url: str
    """With its server after the question mark."""
    environment: dict[str, str]
    """Leads to another server by default."""
    left_out: str
    """What only a superuser could back up and restore."""

    def connect(self) -> psycopg.Connection:
        split = urlsplit(self.database.url)
        return psycopg.connect(
            host=split.hostname, port=split.port, user=self.role, dbname=self.database.alias
        )


@pytest.fixture(scope="module")
def other_server() -> dict[str, str]:
    """Start another server; return the variables that make it the default."""
    split = urlsplit(postgres.start(os.environ["TEST_ENGINE"]))
    return {
        "PATH": search_path(),
        "PGHOST": str(split.hostname),
        "PGPORT": str(split.port),
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
    }


@pytest.fixture(scope="module", params=["CREATEDB", "NOCREATEDB"])
def owned(
    request: pytest.FixtureRequest,
    other_server: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Owned]:
    """Make a database of another role, with things in it that are not this role's."""
    folder = tmp_path_factory.mktemp("owned")
    with django_db_blocker.unblock(), new_database(folder) as database:
        yield from owned_by_a_role(database, request.param, other_server)


def owned_by_a_role(
    database: Database, right: str, other_server: dict[str, str]
) -> Iterator[Owned]:
    split = urlsplit(database.url)
    role, name = f"owner {uuid.uuid4().hex}", database.alias
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute(f'CREATE ROLE "{role}" LOGIN {right}'.encode())
        admin.execute(f'ALTER DATABASE "{name}" OWNER TO "{role}"'.encode())
        admin.execute(f'GRANT CREATE ON SCHEMA public TO "{role}"'.encode())
        available = admin.execute(
            "SELECT name, trusted FROM pg_available_extension_versions"
            " WHERE name IN ('pg_stat_statements', 'vector') ORDER BY trusted, name LIMIT 1"
        )
        extension, trusted = available.fetchone() or ("", True)
        admin.execute(f"CREATE EXTENSION {extension}".encode())
        admin.execute("CREATE SCHEMA theirs CREATE TABLE secrets (id integer)")
        admin.execute("INSERT INTO theirs.secrets VALUES (42)")
    user = role.replace(" ", "%20")
    url = f"postgresql://{user}@/{name}?host={split.hostname}&port={split.port}"
    left_out = "the schema theirs" + ("" if trusted else f", the extension {extension}")
    yield Owned(database, role, url, other_server, left_out)
    database.connection.close()
    server = split._replace(path="/postgres").geturl()
    with psycopg.connect(server, autocommit=True) as admin:
        found = admin.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{name[:30]}%"]
        )
        for (one,) in found.fetchall():
            if one != name:
                admin.execute(f'DROP DATABASE "{one}"'.encode())
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute(f'REASSIGN OWNED BY "{role}" TO postgres'.encode())
        admin.execute(f'DROP OWNED BY "{role}"'.encode())
        admin.execute(f'DROP ROLE "{role}"'.encode())


def content(owned: Owned) -> dict[str, object]:
    """Return what the owner has in the database."""
    queries = {
        "users": "SELECT email FROM users ORDER BY email",
        "names": "SELECT name FROM reports.names",
        "people": "SELECT count(*) FROM reports.people",
        "policies": "SELECT tablename, policyname FROM pg_policies",
        "object": "SELECT convert_from(lo_get(4711), 'UTF8')",
        "migrations": "SELECT app, name FROM django_migrations ORDER BY id",
        "types": "SELECT enum_range(NULL::reports.mood)::text",
    }
    with owned.connect() as connection:
        return {
            name: connection.execute(query.encode()).fetchall() for name, query in queries.items()
        }


def command(output: str) -> str:
    lines = output.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("Backup: "))
    return lines[place + 1].strip()


@dataclass(frozen=True)
class Backup:
    """A backup: the printed command, its files, and what the database held."""

    command: str
    script: Path
    content: dict[str, object]

    @property
    def dump(self) -> Path:
        return self.script.with_name(self.script.name.removesuffix(".restore.sh"))


@pytest.fixture(scope="module")
def backup(owned: Owned, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """Migrate half-way, fill, and migrate on with a backup."""
    environment = {"DATABASE_URL": owned.url, **owned.environment}
    status, _, err = run(owned.url, "migrate", "chat", "0001", **environment)
    assert (status, err) == (0, "")
    with owned.connect() as connection:
        connection.execute(OWN_PART.encode())
        connection.execute(ADD_USER.format("alice").encode())
        connection.execute("INSERT INTO reports.people SELECT id FROM users")
    before = content(owned)
    folder = tmp_path_factory.mktemp("backups") / "it's kept"
    status, out, err = run(owned.url, "migrate", f"--backup={folder}", **environment)
    assert (status, err) == (0, "")
    left_out = "The backup leaves out what this role may not read or restore: "
    assert f"{left_out}{owned.left_out}\n" in out
    printed = command(out)
    script = Path(re.sub("^sh '?|'?$", "", printed).replace("'\"'\"'", "'"))
    return Backup(printed, script, before)


def test_a_restore_brings_everything_back_and_nothing_else(owned: Owned, backup: Backup) -> None:
    with owned.connect() as connection:
        connection.execute("UPDATE users SET email = 'damaged@example.com'")
        connection.execute("DROP TABLE threads CASCADE")
        connection.execute("SELECT lo_put(4711, 0, 'A LARGE')")
    status, err = restore(backup.command, **owned.environment)
    assert err == ""
    assert status == 0
    assert content(owned) == backup.content
    other = owned.environment
    with psycopg.connect(
        host=other["PGHOST"], port=other["PGPORT"], user="postgres", dbname="postgres"
    ) as connection:
        tables = connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchall() == []


def test_a_restore_that_fails_leaves_the_database_as_it_was(owned: Owned, backup: Backup) -> None:
    whole = backup.dump.read_bytes()
    os.truncate(backup.dump, len(whole) * 3 // 4)
    with owned.connect() as connection:
        connection.execute(ADD_USER.format("bob").encode())
    before = content(owned)
    status, err = restore(backup.command, **owned.environment)
    backup.dump.write_bytes(whole)
    assert status != 0
    assert "The restore failed. The database is as it was before." in err
    assert content(owned) == before


def test_a_restore_waits_for_the_site_to_stop(owned: Owned, backup: Backup) -> None:
    with owned.connect() as connection:
        connection.execute("SELECT 1")
        status, err = restore(backup.command, **owned.environment)
    assert (status, err) == (1, "The database has 1 other sessions. Stop the site first.\n")


def test_a_restore_refuses_another_server(owned: Owned, backup: Backup) -> None:
    text = backup.script.read_text()
    port, other = str(urlsplit(owned.database.url).port), owned.environment["PGPORT"]
    text = text.replace(f"port={port}", f"port={other}").replace(owned.role, "postgres")
    other_script = backup.script.with_name("other.sh")
    other_script.write_text(text.replace(f"dbname={owned.database.alias}", "dbname=postgres"))
    status, err = restore(f"sh {shlex.quote(str(other_script))}", PATH=search_path())
    assert (status, err) == (
        1,
        "This is another server than the one that was backed up. Nothing was changed.\n",
    )
