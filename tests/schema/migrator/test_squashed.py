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
from tests.schema.conftest import MigratedTo
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


def neither(migrated_to: MigratedTo) -> Database:
    return migrated_to("chat", BEFORE)


def first_alone(migrated_to: MigratedTo) -> Database:
    database = migrated_to("chat", BEFORE)
    if VENDOR == "postgresql":
        with database.connection.cursor() as cursor:
            cursor.execute(FIRST_INDEX)
    record(database, FIRST)
    return database


def both(migrated_to: MigratedTo) -> Database:
    """Apply the second, but die before the squashed migration is recorded in their place."""
    database = migrated_to("chat", AFTER)
    forget(database, SQUASHED, SECOND)
    record(database, FIRST, SECOND)
    return database


def squashed(migrated_to: MigratedTo) -> Database:
    database = migrated_to("chat", AFTER)
    forget(database, SQUASHED, SECOND)
    record(database, FIRST, SECOND, SQUASHED)
    return database


State = Callable[[MigratedTo], Database]
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
def test_database_converges(state: State, migrated_to: MigratedTo, fresh: Catalog) -> None:
    database = state(migrated_to)
    with database.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO users (id, email, password_hash) VALUES (%s, 'alice@example.com', '')",
            ["1" * 32],
        )
        cursor.execute(
            "INSERT INTO chat_messages (id, user_id, role, content)"
            " VALUES (%s, %s, 'user', 'the invoice of June')",
            ["2" * 32, "1" * 32],
        )
    migrate(database)
    assert recorded(database) == {SQUASHED, SECOND, FORGET}
    assert verified(database) == ([], [], [], [])
    assert pending_migrations(database.connection) == []
    assert equal(read_catalog(database.connection), fresh)
    shown = [step.name for step in migration_status(database.connection).applied]
    recent = [f"chat.{name}" for name in (BEFORE, SQUASHED, FORGET)]
    assert sorted(name for name in shown if name in recent) == recent
    alice = User.objects.using(database.alias).get()
    found = ChatMessage.objects.using(database.alias).for_user(alice).search("invoices")
    assert [row.content for row in found] == ["the invoice of June"]
    assert "Nothing to do" in migrate(database, "--strict")


@every_state
def test_state_is_reported_as_it_is(state: State, migrated_to: MigratedTo) -> None:
    database = state(migrated_to)
    unknown = [] if state is neither else [f"chat.{FIRST}"]
    assert verified(database) == ([], [], unknown, [])
    mark = "X" if state is squashed else "-" if state is both else " "
    out = StringIO()
    call_command("showmigrations", "chat", database=database.alias, stdout=out)
    lines = [line.partition(" (")[0] for line in out.getvalue().splitlines()]
    start = lines.index(f" [X] {BEFORE}")
    assert lines[start : start + 4] == [
        f" [X] {BEFORE}",
        f" [{mark}] {SQUASHED}",
        f" [{'X' if state in INDEXED else ' '}] {AFTER}",
        f" [ ] {FORGET}",
    ]
    out = StringIO()
    call_command("migrate", "chat", plan=True, database=database.alias, stdout=out, no_color=True)
    planned = [line[5:] for line in out.getvalue().splitlines() if line.startswith("chat.")]
    expected = [*([] if state in INDEXED else [SQUASHED, AFTER]), FORGET]
    assert planned[: len(expected)] == expected


@pytest.mark.parametrize("state", [first_alone, squashed], ids=lambda state: state.__name__)
def test_rollback_after_upgrade_leaves_what_was_there_before_the_index(
    state: State, migrated_to: MigratedTo
) -> None:
    database = state(migrated_to)
    migrate(database, "chat", FORGET)
    assert f"rolled back chat.{SQUASHED}" in migrate(database, "chat", BEFORE)
    assert recorded(database) == set()
    assert verified(database) == ([], [], [], [])
    migrate(database, "chat", FORGET)
    assert recorded(database) == {SQUASHED, SECOND, FORGET}
    assert verified(database) == ([], [], [], [])


@pytest.mark.parametrize("state", INDEXED, ids=lambda state: state.__name__)
def test_rollback_before_upgrade_takes_the_index_back(
    state: State, migrated_to: MigratedTo
) -> None:
    database = state(migrated_to)
    migrate(database, "chat", BEFORE)
    assert recorded(database) == {FIRST}
    assert verify(database.connection).differences == []
    migrate(database, "chat", FORGET)
    assert recorded(database) == {SQUASHED, SECOND, FORGET}
    assert verified(database) == ([], [], [], [])


@pytest.mark.engines("postgresql")
def test_rollback_below_the_first_index_names_it_and_changes_nothing(
    migrated_to: MigratedTo,
) -> None:
    """The file that could drop the index is gone: upgrade, then roll back."""
    database = first_alone(migrated_to)
    before = read_catalog(database.connection)
    with pytest.raises(CommandError, match="chat_search_document") as refused:
        migrate(database, "chat", "0005")
    assert "If another release made it, run `python manage.py migrate` first" in str(refused.value)
    assert equal(read_catalog(database.connection), before)
    migrate(database, "chat", FORGET)
    migrate(database, "chat", "0005")
    assert (
        "chat_search_document(uuid, timestamptz, text)"
        not in read_catalog(database.connection).functions
    )


@every_state
def test_files_finish_what_a_release_left(
    state: State, migrated_to: MigratedTo, fresh: Catalog, tmp_path: Path
) -> None:
    database = state(migrated_to)
    files = export(database.connection, tmp_path / "sql", rollback=False).files
    names = [path.name[5:] for path in files]
    assert f"chat_{SQUASHED}.sql" in names
    assert f"chat_{FIRST}.sql" not in names
    assert f"chat_{SECOND}.sql" not in names
    if VENDOR == "sqlite":
        return  # files in another order than `migrate` went are refused there
    if state is both:
        migrate(database, "chat", AFTER)  # records the squashed migration
    database.connection.close()
    psql = postgres.embedded() / "bin" / "psql"
    for path in files[:-1]:
        command = [psql, "-q", "-v", "ON_ERROR_STOP=1", "-d", database.url, "-f", path]
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
    assert recorded(database) == {SQUASHED, SECOND, FORGET}
    assert verified(database) == ([], [], [], [])
    assert equal(read_catalog(database.connection), fresh)
