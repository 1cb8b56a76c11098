"""Migrate databases that somebody made by hand, at random.

    TEST_ENGINE=postgresql python -m tests.faults.databases [--examples 500] [--seed 1]

Each has a state of the earlier product, cut short anywhere, with triggers, rules, policies,
privileges, types, settings and dirt of its owner. A run of `migrate` must end whole, with
every row accounted for, or be refused with nothing changed, each within the limit of time.
The command prints how each kind fared and the statements that lead to each failure.
"""

import argparse
import io
import json
import os
import select
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from schema.drift.compare import find
from schema.drift.scratch import built_catalog
from schema.introspection.catalog import Catalog
from schema.introspection.read import read_catalog
from tests.conftest import Database, new_database
from tests.faults.owners import KINDS, SETTINGS
from tests.schema.adoption.accounting import all_rows, assert_all_accounted_for, fetch
from tests.schema.adoption.test_combinations import PASTS, Past, run_as_psql
from tests.schema.adoption.test_states import WRONG

# Most of those who migrate own the tables; anybody else is refused early.
ROLES = ("owner of the tables",) * 3 + ("superuser",) * 2 + ("somebody else",)
# Everything that a refused run must leave alone, as text.
SCHEMA = r"""
    SELECT 'relation', oid::regclass::text, relkind::text, relrowsecurity, relacl::text
      FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'column', attrelid::regclass::text, attname, attnotnull,
           format_type(atttypid, atttypmod) || coalesce(pg_get_expr(adbin, adrelid), '')
      FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
     WHERE attnum > 0 AND NOT attisdropped
       AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    UNION ALL
    SELECT 'constraint', conname, conrelid::regclass::text, convalidated,
           pg_get_constraintdef(oid)
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', indexrelid::regclass::text, '', indisvalid, pg_get_indexdef(indexrelid)
      FROM pg_index
     WHERE indexrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    UNION ALL
    SELECT 'trigger', tgname, tgenabled::text, true, pg_get_triggerdef(oid)
      FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT 'function', proname, '', true, prosrc
      FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'type', typname, typtype::text, true, ''
      FROM pg_type WHERE typnamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3, 4, 5
"""


@dataclass(frozen=True)
class Example:
    """A database: its past, what its owner added, and who migrates."""

    past: Past
    additions: tuple[tuple[str, str], ...]
    setting: str | None
    role: str

    def labels(self) -> list[str]:
        """Return what is special about it."""
        setting = [f"setting: {self.setting}"] if self.setting else []
        return [f"{kind}: {name}" for kind, name in self.additions] + setting + [self.role]


def additions() -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    """Draw one to three additions of an owner, each kind as likely as the others."""
    one = st.sampled_from(sorted(KINDS)).flatmap(
        lambda kind: st.sampled_from(sorted(KINDS[kind])).map(lambda name: (kind, name))
    )
    return st.lists(one, unique=True, min_size=1, max_size=3).map(tuple)


EXAMPLES = st.builds(
    Example,
    past=PASTS,
    additions=additions(),
    setting=st.none() | st.sampled_from(sorted(SETTINGS)),
    role=st.sampled_from(ROLES),
)


def drawn(number: int) -> Example:
    """Return the example of a seed; examples of neighbouring seeds have nothing in common."""
    examples: list[Example] = []

    @seed(number)
    @settings(max_examples=2, phases=[Phase.generate], database=None)
    @given(example=EXAMPLES)
    def collect(example: Example) -> None:
        examples.append(example)

    collect()
    return examples[-1]  # the first is the simplest, whatever the seed


@dataclass(frozen=True)
class Outcome:
    """How a run ended: whole, refused or failed, and why it counts as failed."""

    kind: str
    reason: str
    seconds: float


def try_out(example: Example, folder: Path, fresh: Catalog, limit: float) -> Outcome:
    """Make the database, migrate it, and judge the result."""
    with new_database(folder) as database, made(example, database) as user:
        before, schema = all_rows(database.connection), fetch(database.connection, SCHEMA)
        connections.close_all()
        begin = time.monotonic()
        status, text = migrate(database, user, limit)
        seconds = time.monotonic() - begin
        if status == "ended":
            reason = "; ".join(faults(database, before, fresh))
        else:
            reason = text if status in {"endless", "traceback"} else ""
            same_rows = all_rows(database.connection) == before
            if not same_rows or fetch(database.connection, SCHEMA) != schema:
                reason = f"{status} after changes: {text}"
        connections.close_all()
    kind = "failed" if reason else {"ended": "whole"}.get(status, "refused")
    return Outcome(kind, reason or text, seconds)


@contextmanager
def made(example: Example, database: Database) -> Iterator[str]:
    """Make the database; yield the role that migrates it."""
    name = database.alias
    roles = ("twin_owner", "twin_other")
    with psycopg.connect(database.url, autocommit=True) as superuser:
        for role in roles:
            with suppress(psycopg.errors.DuplicateObject):
                superuser.execute(f"CREATE ROLE {role} LOGIN".encode())
        superuser.execute(f'ALTER DATABASE "{name}" OWNER TO twin_owner'.encode())
        superuser.execute(b"ALTER SCHEMA public OWNER TO twin_owner")
    run_as_psql(database.url.replace("postgres@", "twin_owner@", 1), example.past.statements())
    run_as_psql(
        database.url,
        [
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO twin_other",
            "GRANT ALL ON SCHEMA public TO twin_other",
            "CREATE SCHEMA own_first",
            *(one for kind, name in example.additions for one in KINDS[kind][name]),
        ],
    )
    user = {"superuser": "postgres", "owner of the tables": "twin_owner"}.get(
        example.role, "twin_other"
    )
    if example.setting:
        run_as_psql(
            database.url, [f'ALTER ROLE {user} IN DATABASE "{name}" {SETTINGS[example.setting]}']
        )
    try:
        yield user
    finally:
        run_as_psql(database.url, [f'ALTER ROLE {user} IN DATABASE "{name}" RESET ALL'])


def migrate(database: Database, user: str, limit: float) -> tuple[str, str]:
    """Migrate in a child process; return how that ended, and what it wrote."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(reader)
        answer = run_migrate(database, user)
        os.write(writer, json.dumps(answer).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], limit)
    if not ready:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    data = b""
    while part := os.read(reader, 65_536):
        data += part
    os.close(reader)
    os.waitpid(child, 0)
    if not ready:
        return "endless", f"it ran for more than {limit:.0f} seconds"
    status, text = json.loads(data) if data else ("traceback", "the process died")
    return status, text


def run_migrate(database: Database, user: str) -> tuple[str, str]:
    """Migrate as `user`, in a process that ends afterwards."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    connections.settings[database.alias]["USER"] = user
    out = io.StringIO()
    try:
        call_command("migrate", database=database.alias, verbosity=0, stdout=out, stderr=out)
    except CommandError as error:
        return "refused", str(error)
    except SystemExit as error:
        return ("ended", "") if not error.code else ("refused", out.getvalue())
    except BaseException as error:
        return "traceback", f"{type(error).__name__}: {error}"
    return "ended", out.getvalue()


def faults(database: Database, before: Any, fresh: Catalog) -> list[str]:
    """Return what is wrong with a database whose migration ended."""
    found = []
    connection = database.connection
    differences = find(fresh, read_catalog(connection))
    if differences:
        found.append("differs: " + ", ".join(one.label for one in differences[:5]))
    kept = {table: rows for table, rows in before.items() if not table.startswith("own_")}
    try:
        assert_all_accounted_for(kept, connection)
    except (AssertionError, KeyError) as error:
        found.append(f"rows: {type(error).__name__} {str(error)[:300]}")
    if wrong := fetch(connection, WRONG):
        found.append(f"{len(wrong)} messages in a thread of somebody else")
    if administrators := fetch(connection, "SELECT email FROM users WHERE is_superuser"):
        found.append(f"{len(administrators)} became superusers")
    return found


def smallest(example: Example, folder: Path, fresh: Catalog, limit: float) -> Example:
    """Return the example without what the failure does not need."""
    candidates = [
        *(
            replace(example, additions=tuple(kept for kept in example.additions if kept != one))
            for one in example.additions
        ),
        replace(example, setting=None),
        replace(example, role="superuser"),
        replace(example, past=replace(example.past, dirt_before=(), dirt_after=())),
    ]
    for candidate in candidates:
        if candidate != example and try_out(candidate, folder, fresh, limit).kind == "failed":
            return smallest(candidate, folder, fresh, limit)
    return example


def fresh_catalog(folder: Path) -> Catalog:
    """Return the schema that `migrate` makes of an empty database."""
    with new_database(folder) as database:
        call_command("migrate", database=database.alias, verbosity=0)
        applied = MigrationRecorder(database.connection).applied_migrations()
        return built_catalog(database.connection, applied)


def main() -> int:
    """Run the examples, print the table and the failures; return 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.databases", description=__doc__)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60, help="the limit for one migration")
    parser.add_argument("--as-found", action="store_true", help="do not reduce what fails")
    options = parser.parse_args()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    slowest: dict[str, float] = defaultdict(float)
    failures: list[tuple[Example, Outcome]] = []

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fresh = fresh_catalog(folder)

        for number in range(options.examples):
            example = drawn(options.seed + number)
            outcome = try_out(example, folder, fresh, options.seconds)
            for label in ["all", *example.labels()]:
                counts[label][outcome.kind] += 1
                slowest[label] = max(slowest[label], outcome.seconds)
            write(f"{outcome.kind:8} {outcome.seconds:5.1f} s  {', '.join(example.labels())}")
            if outcome.kind == "failed":
                if not options.as_found:
                    example = smallest(example, folder, fresh, options.seconds)
                failures.append((example, outcome))
                write(
                    f"         {outcome.reason}\n         seed {options.seed + number}: {example}"
                )
    write(f"\n{'':56} {'whole':>6} {'refused':>8} {'failed':>7} {'slowest':>9}")
    for label, count in sorted(counts.items()):
        numbers = f"{count['whole']:6} {count['refused']:8} {count['failed']:7}"
        write(f"{label:56} {numbers} {slowest[label]:7.1f} s")
    return 1 if failures else 0


def write(line: str) -> None:
    """Write a line at once: a run takes minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
