"""What an adoption sees must be all there is: policies, standbys, and numbers beyond belief."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command

from schema.connection.session import migration_session
from tests import postgres
from tests.conftest import Database
from tests.schema.adoption import people as p
from tests.schema.adoption import scripts as s
from tests.schema.adoption.accounting import all_rows, assert_all_accounted_for, fetch, quarantined
from tests.schema.adoption.conftest import ADOPTED, Make, run
from tests.schema.adoption.people import key
from tests.schema.adoption.states import HELPED_TO_V4, STUCK
from tests.schema.adoption.test_refusals import acting_as, assert_refuses_and_changes_nothing

pytestmark = pytest.mark.engines("postgresql", "older")

TABLES = ("users", "personas", "chat_messages")
POLICIES: dict[str, tuple[Sequence[str], str]] = {
    "of nobody, on users": (
        [
            "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE users FORCE ROW LEVEL SECURITY",
        ],
        "Row-level security of the table users applies",
    ),
    "by a setting of the session, on messages": (
        [
            "ALTER TABLE chat_messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            "CREATE POLICY mine ON chat_messages"
            " USING (user_id::text = current_setting('app.user', true))",
        ],
        "Row-level security of the table chat_messages (mine) applies",
    ),
    "by role, on personas": (
        [
            "ALTER TABLE personas ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            "CREATE POLICY own ON personas TO tenant USING (name <> '')",
        ],
        "Row-level security of the table personas (own) applies",
    ),
    "of every row for everybody": (
        [
            "ALTER TABLE chat_messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            "CREATE POLICY everything ON chat_messages USING (true)",
        ],
        "Row-level security of the table chat_messages (everything) applies",
    ),
}


@contextmanager
def owned_by_tenant(database: Database) -> Iterator[None]:
    """Give everything in the database to a role without any other privilege, and act as it."""
    name = database.connection.settings_dict["NAME"]
    run(
        database,
        [
            "DROP ROLE IF EXISTS tenant",
            "CREATE ROLE tenant LOGIN",
            f'ALTER DATABASE "{name}" OWNER TO tenant',
            "ALTER SCHEMA public OWNER TO tenant",
            "DO $$ DECLARE one record; BEGIN FOR one IN SELECT oid::regclass AS name FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') LOOP"
            " EXECUTE format('ALTER TABLE %s OWNER TO tenant', one.name); END LOOP; END $$",
        ],
    )
    try:
        with acting_as(database, "tenant"):
            yield
    finally:
        run(
            database,
            [
                f'ALTER DATABASE "{name}" OWNER TO postgres',
                "REASSIGN OWNED BY tenant TO postgres",
                "DROP OWNED BY tenant",
                "DROP ROLE tenant",
            ],
        )


@pytest.fixture
def tenant(make: Make) -> Iterator[Database]:
    database = make(STUCK)
    run(database, ["DROP ROLE IF EXISTS tenant", "CREATE ROLE tenant LOGIN"])
    with owned_by_tenant(database):
        yield database


@pytest.mark.parametrize("name", POLICIES)
def test_policy_that_hides_rows_is_refused(tenant: Database, name: str) -> None:
    statements, words = POLICIES[name]
    run(tenant, statements)
    with acting_as(tenant, "postgres"):
        before = all_rows(tenant.connection)
    tenant.connection.settings_dict["USER"] = "tenant"
    with pytest.raises(CommandError) as refusal:
        call_command("migrate", database=tenant.alias, verbosity=0)
    assert refusal.value.returncode == 1
    assert words in str(refusal.value)
    assert 'ALTER ROLE "tenant" BYPASSRLS;' in str(refusal.value)
    with acting_as(tenant, "postgres"):
        assert all_rows(tenant.connection) == before
    tenant.connection.settings_dict["USER"] = "tenant"


def test_policy_of_a_table_with_links_to_converted_keys_is_refused(make: Make) -> None:
    numbers = [
        one.replace("uuid PRIMARY KEY DEFAULT gen_random_uuid()", "serial PRIMARY KEY").replace(
            " uuid", " integer"
        )
        for one in [*s.BASE, *s.OTHERS, *s.V2]
    ]
    database = make(
        [
            *numbers,
            "INSERT INTO users (email, password_hash) VALUES ('alice@example.com', 'x')",
            "INSERT INTO actions (user_id, kind) VALUES (1, 'x')",
            "ALTER TABLE actions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        ]
    )
    with owned_by_tenant(database), pytest.raises(CommandError) as refusal:
        call_command("migrate", database=database.alias, verbosity=0)
    assert "Row-level security of the table actions applies" in str(refusal.value)


def test_role_that_policies_do_not_apply_to_adopts_every_row(make: Make) -> None:
    database = make([*STUCK, *POLICIES["by a setting of the session, on messages"][0]])
    before = all_rows(database.connection)
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
    assert_all_accounted_for(before, database.connection)
    assert quarantined(database.connection) == {}


def test_server_itself_refuses_to_hide_rows_from_a_migration(tenant: Database) -> None:
    run(tenant, POLICIES["of nobody, on users"][0])
    assert fetch(tenant.connection, "SELECT count(*) FROM users") == [(0,)]
    with (
        migration_session(tenant.connection),
        pytest.raises(Exception, match="row-level security policy"),
    ):
        fetch(tenant.connection, "SELECT count(*) FROM users")
    assert fetch(tenant.connection, "SELECT count(*) FROM users") == [(0,)]


@pytest.mark.parametrize("table", ["users", "chat_messages", "schema_migrations"])
def test_table_that_its_owner_may_not_read_is_refused(tenant: Database, table: str) -> None:
    run(tenant, [f"REVOKE SELECT ON {table} FROM tenant"])
    with pytest.raises(CommandError) as refusal:
        call_command("migrate", database=tenant.alias, verbosity=0)
    assert f'GRANT SELECT ON {table} TO "tenant";' in str(refusal.value)
    with acting_as(tenant, "postgres"):
        assert fetch(tenant.connection, "SELECT count(*) FROM users") == [(3,)]
    tenant.connection.settings_dict["USER"] = "tenant"


@pytest.mark.parametrize("style", ["German", "SQL, DMY", "Postgres, MDY"])
def test_styles_of_dates_and_intervals_do_not_prevent_adoption(make: Make, style: str) -> None:
    database = make([*STUCK, *p.NULL_TIMES])
    name = database.connection.settings_dict["NAME"]
    run(
        database,
        [
            f'ALTER DATABASE "{name}" SET DateStyle = {style}',
            f'ALTER DATABASE "{name}" SET IntervalStyle = sql_standard',
        ],
    )
    database.connection.close()
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
    assert fetch(database.connection, "SELECT interval '1 day 2 hours'")[0][0].days == 1


def test_view_that_hides_rows_in_the_place_of_a_table_is_refused(make: Make) -> None:
    database = make(
        [
            *STUCK,
            "ALTER TABLE chat_messages RENAME TO every_message",
            "CREATE VIEW chat_messages WITH (security_barrier) AS"
            " SELECT * FROM every_message WHERE role = 'user'",
        ]
    )
    assert "chat_messages is a view" in assert_refuses_and_changes_nothing(database)


def test_partition_in_the_place_of_a_table_is_refused(make: Make) -> None:
    database = make(
        [
            *STUCK,
            "CREATE TABLE all_threads (id uuid NOT NULL, user_id uuid, title text)"
            " PARTITION BY LIST (title)",
            "CREATE TABLE threads PARTITION OF all_threads FOR VALUES IN ('General')",
        ]
    )
    assert "threads is a child table of all_threads" in assert_refuses_and_changes_nothing(database)


@pytest.mark.parametrize(
    ("scope", "source"), [("ROLE postgres", "user"), ('DATABASE "{name}"', "database")]
)
def test_read_only_server_is_reported_before_the_lock(make: Make, scope: str, source: str) -> None:
    database = make(STUCK)
    scope = scope.format(name=database.connection.settings_dict["NAME"])
    run(database, [f"ALTER {scope} SET default_transaction_read_only = on"])
    database.connection.close()
    try:
        with pytest.raises(CommandError) as refusal:
            call_command("migrate", database=database.alias, verbosity=0)
    finally:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER {scope} RESET default_transaction_read_only".encode())
    assert refusal.value.returncode == 1
    assert (
        f"The server takes no changes: default_transaction_read_only is on (set by: {source}).\n"
        "Nothing was changed."
    ) in str(refusal.value)


def test_standby_is_reported_before_the_lock(make: Make) -> None:
    """The server is started anew in recovery, as a standby is."""
    url = postgres.start(os.environ["TEST_ENGINE"])
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in s.BASE:
            connection.execute(statement.encode())
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    data = Path(row[0])
    postmaster = (data / "postmaster.pid").read_text().split()[0]
    binaries = Path(f"/proc/{postmaster}/exe").readlink().parent
    (data / "standby.signal").touch()
    user = "nobody" if os.geteuid() == 0 else None
    subprocess.run(
        [binaries / "pg_ctl", "-D", data, "-l", data.parent / "log", "-w", "restart"],
        user=user,
        cwd=data,
        check=True,
        capture_output=True,
    )
    done = subprocess.run(
        ["python", "manage.py", "migrate"],
        env=os.environ | {"DATABASE_URL": url, "PATH": f".venv/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "The server takes no changes: it is a standby" in done.stderr
    assert "Point DATABASE_URL at the primary server." in done.stderr
    assert "Traceback" not in done.stderr


MANY = (
    "INSERT INTO chat_messages (user_id, role, content)"
    f" SELECT '{p.ALICE}', 'user', 'n' || n FROM generate_series(1, 990) AS n"
)
STRAY = [
    "ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_user_id_fkey",
    MANY,
    "INSERT INTO chat_messages (user_id, role, content)"
    f" SELECT '{key('a', 9)}', 'user', 'stray ' || n FROM generate_series(1, 30) AS n",
]


def test_more_rows_in_quarantine_than_plausible_are_refused_with_examples(make: Make) -> None:
    database = make([*STUCK, *STRAY])
    message = assert_refuses_and_changes_nothing(database)
    assert "30 of 1,032 rows of chat_messages would go into quarantine" in message
    assert "the message's user does not exist (30: " in message
    assert "--quarantine-limit 30." in message
    before = all_rows(database.connection)
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0, quarantine_limit=30)
    assert_all_accounted_for(before, database.connection)
    assert len(quarantined(database.connection)["chat_messages"]) == 30


def test_every_message_of_users_in_another_place_is_refused(make: Make) -> None:
    database = make([*STUCK, STRAY[0], MANY, "DELETE FROM users"])
    message = assert_refuses_and_changes_nothing(database)
    assert "1,002 of 1,002 rows of chat_messages would go into quarantine" in message


def test_threads_that_the_old_script_made_are_no_reason_to_refuse(make: Make) -> None:
    generals = (
        "INSERT INTO threads (user_id, title)"
        f" SELECT '{p.ALICE}', 'General' FROM generate_series(1, 40)"
    )
    database = make([*HELPED_TO_V4, generals])
    call_command("migrate", *ADOPTED, database=database.alias, verbosity=0)
    assert fetch(
        database.connection,
        f"SELECT count(*) FROM threads WHERE title = 'General' AND user_id = '{p.ALICE}'",
    ) == [(1,)]
