"""Databases of releases that had two migrations in place of one of today's.

`0007_search_index` and `0008_search_words` stood beside `0007_squashed_0008_search_words`, which
replaced both. Each state below is what one of those releases left behind.
"""

import subprocess
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from chat.models import ChatMessage
from schema.drift.repair import differences
from schema.drift.verify import verify
from schema.history.runs import Direction, Outcome
from schema.history.status import migration_status, pending_migrations
from schema.introspection.catalog import Catalog
from schema.introspection.read import read_catalog
from schema.models import MigrationRun
from schema.sqlexport.export import export
from tests import postgres
from tests.conftest import Database
from tests.engine import VENDOR
from users.models import User

FIRST, SECOND = "0007_search_index", "0008_search_words"
SQUASHED = "0007_squashed_0008_search_words"
BEFORE, AFTER, FORGET = "0006_search_document", "0009_word_statistics", "0010_forget_search_index"
# Of the squashed migration's file in the release that had the two beside it.
CHECKSUM = "43e910ec063472e4a1626142ce0ae5ac1753ef1fc829209ce5738048420496ca"
FIRST_INDEX = (
    "CREATE INDEX chat_messages_search_idx ON chat_messages USING gin"
    " (chat_search_document(user_id, created_at, content)) WITH (fastupdate = off)"
)


def migrate(database: Database, *arguments: str) -> str:
    out = StringIO()
    call_command("migrate", *arguments, database=database.alias, interactive=False, stdout=out)
    return out.getvalue()


def record(database: Database, *names: str) -> None:
    """Record migrations as that release's `migrate` did, its history included."""
    for name in names:
        MigrationRecorder(database.connection).record_applied("chat", name)
        MigrationRun.objects.using(database.alias).create(
            app="chat",
            name=name,
            direction=Direction.FORWARDS,
            outcome=Outcome.SUCCEEDED,
            finished_at=timezone.now(),
            operator="alice",
            host="old",
            checksum=CHECKSUM if name == SQUASHED else "0" * 64,
        )


def forget(database: Database, *names: str) -> None:
    MigrationRecorder(database.connection).migration_qs.filter(name__in=names).delete()
    MigrationRun.objects.using(database.alias).filter(name__in=names).delete()


def neither(database: Database) -> None:
    migrate(database, "chat", BEFORE)


def first_alone(database: Database) -> None:
    migrate(database, "chat", BEFORE)
    if VENDOR == "postgresql":
        with database.connection.cursor() as cursor:
            cursor.execute(FIRST_INDEX)
    record(database, FIRST)


def both(database: Database) -> None:
    """Apply the second, but die before the squashed migration is recorded in their place."""
    migrate(database, "chat", AFTER)
    forget(database, SQUASHED, SECOND)
    record(database, FIRST, SECOND)


def squashed(database: Database) -> None:
    migrate(database, "chat", AFTER)
    forget(database, SQUASHED, SECOND)
    record(database, FIRST, SECOND, SQUASHED)


State = Callable[[Database], None]
STATES: list[State] = [neither, first_alone, both, squashed]
INDEXED: list[State] = [both, squashed]
every_state = pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)


def recorded(database: Database) -> set[str]:
    applied = MigrationRecorder(database.connection).applied_migrations()
    return {name for app, name in applied if app == "chat"} & {SQUASHED, FIRST, SECOND, FORGET}


@pytest.fixture(scope="module")
def fresh(template: tuple[Database, Catalog], django_db_blocker: DjangoDbBlocker) -> Catalog:
    """Return what a fresh database holds."""
    database, _ = template
    with django_db_blocker.unblock():
        catalog = read_catalog(database.connection)
        database.connection.close()
    return catalog


def equal(one: Catalog, other: Catalog) -> bool:
    return differences(one, other) == differences(other, one) == []


def verified(database: Database) -> tuple[object, ...]:
    result = verify(database.connection)
    return (result.differences, result.edited, result.unknown, result.unfinished)


@every_state
def test_database_converges(state: State, empty_database: Database, fresh: Catalog) -> None:
    state(empty_database)
    with empty_database.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO users (id, email, password_hash) VALUES (%s, 'alice@example.com', '')",
            ["1" * 32],
        )
        cursor.execute(
            "INSERT INTO chat_messages (id, user_id, role, content)"
            " VALUES (%s, %s, 'user', 'the invoice of June')",
            ["2" * 32, "1" * 32],
        )
    migrate(empty_database)
    assert recorded(empty_database) == {SQUASHED, SECOND, FORGET}
    assert verified(empty_database) == ([], [], [], [])
    assert pending_migrations(empty_database.connection) == []
    assert equal(read_catalog(empty_database.connection), fresh)
    shown = [step.name for step in migration_status(empty_database.connection).applied]
    recent = [f"chat.{name}" for name in (BEFORE, SQUASHED, FORGET)]
    assert sorted(name for name in shown if name in recent) == recent
    alice = User.objects.using(empty_database.alias).get()
    found = ChatMessage.objects.using(empty_database.alias).for_user(alice).search("invoices")
    assert [row.content for row in found] == ["the invoice of June"]
    assert "Nothing to do" in migrate(empty_database, "--strict")


@every_state
def test_state_is_reported_as_it_is(state: State, empty_database: Database) -> None:
    state(empty_database)
    unknown = [] if state is neither else [f"chat.{FIRST}"]
    assert verified(empty_database) == ([], [], unknown, [])
    mark = "X" if state is squashed else "-" if state is both else " "
    out = StringIO()
    call_command("showmigrations", "chat", database=empty_database.alias, stdout=out)
    lines = [line.partition(" (")[0] for line in out.getvalue().splitlines()]
    start = lines.index(f" [X] {BEFORE}")
    assert lines[start : start + 4] == [
        f" [X] {BEFORE}",
        f" [{mark}] {SQUASHED}",
        f" [{'X' if state in INDEXED else ' '}] {AFTER}",
        f" [ ] {FORGET}",
    ]
    out = StringIO()
    call_command(
        "migrate", "chat", plan=True, database=empty_database.alias, stdout=out, no_color=True
    )
    planned = [line[5:] for line in out.getvalue().splitlines() if line.startswith("chat.")]
    expected = [*([] if state in INDEXED else [SQUASHED, AFTER]), FORGET]
    assert planned[: len(expected)] == expected


@pytest.mark.parametrize("state", [first_alone, squashed], ids=lambda state: state.__name__)
def test_rollback_after_upgrade_leaves_what_was_there_before_the_index(
    state: State, empty_database: Database
) -> None:
    state(empty_database)
    migrate(empty_database)
    assert f"rolled back chat.{SQUASHED}" in migrate(empty_database, "chat", BEFORE)
    assert recorded(empty_database) == set()
    assert verified(empty_database) == ([], [], [], [])
    migrate(empty_database)
    assert recorded(empty_database) == {SQUASHED, SECOND, FORGET}
    assert verified(empty_database) == ([], [], [], [])


@pytest.mark.parametrize("state", INDEXED, ids=lambda state: state.__name__)
def test_rollback_before_upgrade_takes_the_index_back(
    state: State, empty_database: Database
) -> None:
    state(empty_database)
    migrate(empty_database, "chat", BEFORE)
    assert recorded(empty_database) == {FIRST}
    assert verify(empty_database.connection).differences == []
    migrate(empty_database)
    assert recorded(empty_database) == {SQUASHED, SECOND, FORGET}
    assert verified(empty_database) == ([], [], [], [])


@pytest.mark.engines("postgresql")
def test_rollback_below_the_first_index_names_it_and_changes_nothing(
    empty_database: Database,
) -> None:
    """The file that could drop the index is gone: upgrade, then roll back."""
    first_alone(empty_database)
    before = read_catalog(empty_database.connection)
    with pytest.raises(CommandError, match="chat_search_document") as refused:
        migrate(empty_database, "chat", "0005")
    assert "If another release made it, run `python manage.py migrate` first" in str(refused.value)
    assert equal(read_catalog(empty_database.connection), before)
    migrate(empty_database)
    migrate(empty_database, "chat", "0005")
    assert (
        "chat_search_document(uuid, timestamptz, text)"
        not in read_catalog(empty_database.connection).functions
    )


@every_state
def test_files_finish_what_a_release_left(
    state: State, empty_database: Database, fresh: Catalog, tmp_path: Path
) -> None:
    state(empty_database)
    files = export(empty_database.connection, tmp_path / "sql", rollback=False).files
    names = [path.name[5:] for path in files]
    assert f"chat_{SQUASHED}.sql" in names
    assert f"chat_{FIRST}.sql" not in names
    assert f"chat_{SECOND}.sql" not in names
    if VENDOR == "sqlite":
        return  # files in another order than `migrate` went are refused there
    if state is both:
        migrate(empty_database, "chat", AFTER)  # records the squashed migration
    empty_database.connection.close()
    psql = postgres.embedded() / "bin" / "psql"
    for path in files[:-1]:
        command = [psql, "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database.url, "-f", path]
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
    assert recorded(empty_database) == {SQUASHED, SECOND, FORGET}
    assert verified(empty_database) == ([], [], [], [])
    assert equal(read_catalog(empty_database.connection), fresh)
