"""What an assessment reads: the specification, the live schema, and the steps matched with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import DataError, ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.adoption.key_conversion import KeyColumns, key_columns
from schema.adoption.match_step import MatchedStep
from schema.adoption.row_repairs import applies
from schema.adoption.spec import Rule, Spec
from schema.connection.errors import sqlstate
from schema.drift.migration_state import MigrationState
from schema.drift.scratch import MigrationEffect
from schema.introspection.catalog import Catalog

INSUFFICIENT_PRIVILEGE = "42501"
EXISTS = {MigrationState.PARTIAL, MigrationState.APPLIED}


@dataclass(frozen=True)
class Snapshot:
    """A database before its adoption."""

    connection: BaseDatabaseWrapper
    spec: Spec
    found: Catalog
    """The live schema, with the owner's columns renamed whose names are reserved."""
    steps: Sequence[MatchedStep]
    """The pending steps."""
    later: Sequence[MigrationEffect]
    """The migrations that are run after the steps."""
    tables: Sequence[str]
    """The tables that the steps create."""
    renamed: Sequence[str] = ()
    """The owner's columns that get another name, in words."""
    quarantine_limit: int | None = None

    @property
    def expected(self) -> Catalog:
        """Return the schema after the last step."""
        return self.steps[-1].step.after

    @cached_property
    def existing(self) -> list[MatchedStep]:
        """Return the steps of whose work something exists."""
        return [one for one in self.steps if one.state in EXISTS]

    @cached_property
    def ours(self) -> list[str]:
        """Return the tables of the specification that exist."""
        return [
            name
            for name in self.found.tables
            if name in self.tables and name in self.expected.tables
        ]

    @cached_property
    def keys(self) -> KeyColumns:
        """Return the columns that are converted to UUIDs."""
        return key_columns(self.expected, self.found, self.spec.unchecked_links())

    @cached_property
    def rules(self) -> list[Rule]:
        """Return the rules that apply to this database."""
        steps = {one.key for one in self.existing}
        return [one for one in self.spec.rules if one.step in steps and applies(one, self.found)]

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query; none where columns do not have their types yet."""
        return self.try_fetch(sql) or []

    def try_fetch(self, sql: str) -> list[tuple[Any, ...]] | None:
        """Return the rows of a query; None where it reads what an earlier step creates."""
        try:
            with (
                transaction.atomic(using=self.connection.alias),
                self.connection.cursor() as cursor,
            ):
                cursor.execute(sql)
                rows: list[tuple[Any, ...]] = cursor.fetchall()
                return rows
        except (DataError, ProgrammingError) as error:
            if sqlstate(error) == INSUFFICIENT_PRIVILEGE:
                raise
            return None
