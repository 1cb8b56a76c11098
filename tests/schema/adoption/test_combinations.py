"""Combinations of states and dirt, drawn at random.

A few in the suite; as many as wanted with

    ADOPTION_EXAMPLES=500 TEST_ENGINE=postgresql pytest tests/schema/adoption/test_combinations.py
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker

from schema.introspection.catalog import Catalog
from tests.conftest import Database, new_database
from tests.schema.adoption import people as p
from tests.schema.adoption import scripts as s
from tests.schema.adoption.accounting import all_rows, assert_all_accounted_for, fetch
from tests.schema.adoption.conftest import assert_like_fresh
from tests.schema.adoption.test_states import WRONG

pytestmark = pytest.mark.engines("postgresql")

DIRT = {
    "ownerless persona": p.OWNERLESS_PERSONA,
    "null times": p.NULL_TIMES,
    "null message times": p.NULL_MESSAGE_TIMES,
    "null metadata": p.NULL_METADATA,
    "no colours": p.NO_COLOURS,
    "none active": p.NONE_ACTIVE,
    "null active": p.NULL_ACTIVE,
    "foreign link": p.FOREIGN_LINK,
    "own thread": p.OWN_THREAD,
    "newer messages": p.NEWER_MESSAGES,
    "ownerless messages": p.OWNERLESS_MESSAGES,
    "links to nowhere": p.TALK_LINKED[-1:],
    "persona links": p.EARLY_TALK[-1:],
    "views": p.VIEWS,
    "triggers": p.TRIGGERS,
    "colours as text": ["ALTER TABLE personas ALTER COLUMN color TYPE text"],
    "links as text": ["ALTER TABLE chat_messages ALTER COLUMN thread_id TYPE text"],
    "counts as bigint": ["ALTER TABLE threads ALTER COLUMN message_count TYPE bigint"],
    "no cascade": ["ALTER TABLE personas DROP CONSTRAINT personas_user_id_fkey"],
}


@dataclass(frozen=True)
class Past:
    """What somebody ran, in this order; psql goes on after a statement that fails."""

    others: bool
    early: bool
    v2: int
    dirt_before: tuple[str, ...]
    v3: int
    v4: int
    dirt_after: tuple[str, ...]
    recorded: tuple[str, ...] | None

    def statements(self) -> list[str]:
        """Return every statement."""
        return [
            *s.BASE,
            *(s.OTHERS if self.others else []),
            *p.PEOPLE,
            *(s.EARLY if self.early else []),
            *s.V2[: self.v2],
            *p.TALK,
            *(statement for name in self.dirt_before for statement in DIRT[name]),
            *s.V3[: self.v3],
            *s.V4[: self.v4],
            *(statement for name in self.dirt_after for statement in DIRT[name]),
            *(s.recorded(*self.recorded) if self.recorded is not None else []),
        ]


DIRTS = st.lists(st.sampled_from(sorted(DIRT)), unique=True, max_size=4).map(tuple)
FILES = st.lists(st.sampled_from([s.V2_FILE, s.V3_FILE, s.V4_FILE]), unique=True).map(tuple)
PASTS = st.builds(
    Past,
    others=st.booleans(),
    early=st.booleans(),
    v2=st.integers(0, len(s.V2)),
    dirt_before=DIRTS,
    v3=st.integers(0, len(s.V3)),
    v4=st.integers(0, len(s.V4)),
    dirt_after=DIRTS,
    recorded=st.none() | FILES,
)


def test_any_combination_becomes_like_a_fresh_database(
    fresh: Catalog, nothing_of_ours: Database, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    @settings(
        max_examples=int(os.environ.get("ADOPTION_EXAMPLES", "6")),
        # To find a smaller example would take minutes, and these are small.
        phases=[Phase.explicit, Phase.generate],
        derandomize="ADOPTION_EXAMPLES" not in os.environ,
        database=None,
    )
    @given(past=PASTS)
    def hold(past: Past) -> None:
        with django_db_blocker.unblock(), new_database(tmp_path, nothing_of_ours) as database:
            run_as_psql(database.url, past.statements())
            before = all_rows(database.connection)
            call_command("migrate", database=database.alias, verbosity=0)
            assert_like_fresh(database, fresh)
            assert_all_accounted_for(before, database.connection)
            assert fetch(database.connection, WRONG) == []

    hold()


def run_as_psql(url: str, statements: list[str]) -> None:
    """Run the statements one by one, going on after those that fail."""
    with psycopg.connect(url, autocommit=True) as psql:
        for statement in statements:
            with suppress(psycopg.Error):
                psql.execute(statement.encode())
