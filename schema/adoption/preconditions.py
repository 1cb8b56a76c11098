"""Looking through the rows, before anything is changed, for what no rule covers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from django.db import DataError, ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.template.defaultfilters import pluralize

from schema.adoption import name_conflicts
from schema.adoption.key_conversion import numbered
from schema.adoption.match_step import Recognised, column_before
from schema.adoption.obstacles import Obstacle, rights, unreadable
from schema.adoption.row_repairs import applies, before_its_type, has, key_of, references
from schema.adoption.spec import Facts, Quarantine, Rule
from schema.adoption.type_changes import held_by, inconvertible, mistyped
from schema.drift.expected import Step
from schema.drift.migration_state import MigrationState
from schema.introspection.catalog import Catalog, Constraint, quoted

SHOWN = 5
"""How many rows an obstacle names."""


class Inspection:
    """Looks through the rows for what no rule covers."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        facts: Facts,
        found: Catalog,
        steps: Sequence[Recognised],
        later: Sequence[Step] = (),
    ) -> None:
        """Look at the database that `found` was read from and `steps` recognised in.

        `later` are the migrations that are run after the steps, as usual.
        """
        self.connection = connection
        self.facts = facts
        self.found = found
        self.steps = [
            one for one in steps if one.state in {MigrationState.PARTIAL, MigrationState.APPLIED}
        ]
        self.all = steps
        self.later = later
        self.numbers = numbered(steps[-1].step.after, found, facts.doubtful_links())
        self.ours = {
            name for one in steps for name in one.step.after.tables if name in found.tables
        }

    def find(self) -> list[Obstacle]:
        """Return every obstacle."""
        return [
            *name_conflicts.taken_names(
                self.connection, [*(one.step for one in self.all), *self.later], self.found
            ),
            *name_conflicts.later_columns(self.later, self.found),
            *name_conflicts.misdirected_links(self.all, self.found),
            *name_conflicts.lacking_tables(self.connection, self.all, self.found),
            *name_conflicts.lacking_columns(self.connection, self.all, self.found),
            *name_conflicts.unfillable_columns(self.all, self.found),
            *self._whole_number_keys(),
            *self._conflicts(),
            *self._types(),
            *self._nulls(),
            *self._constraints(),
            *self._references(),
        ]

    @cached_property
    def _from_other_schemas(self) -> list[tuple[str, str, str, str]]:
        return name_conflicts.links_from_other_schemas(self.connection, sorted(self.ours))

    def rules(self) -> list[Rule]:
        """Return the rules that have a meaning here."""
        keys = {one.key for one in self.steps}
        return [one for one in self.facts.rules if one.step in keys and applies(one, self.found)]

    def _settled(self) -> set[str]:
        """Return the columns that a rule looks after, once the columns are there that it needs."""
        after = {one.key: one.step.after for one in self.steps}
        return {
            f"{rule.table}.{column}"
            for rule in self.facts.rules
            if rule.step in after
            and all(has(self.found, one) or has(after[rule.step], one) for one in rule.needs)
            and not any(has(self.found, one) for one in rule.lacks)
            for column in rule.settles
        }

    def _whole_number_keys(self) -> Iterator[Obstacle]:
        """Yield what keeps whole-numbered keys from becoming UUIDs."""
        for link in self.numbers.manifold:
            yield Obstacle(
                f"The keys are whole numbers, and the foreign key {link} has several columns, so"
                " they cannot be converted.",
                "Drop that foreign key, or convert the keys to uuid beforehand.",
            )
        for table, name, where, _ in self._from_other_schemas:
            if table in self.numbers.keys:
                yield Obstacle(
                    f"The keys of {table} have to become UUIDs, and the foreign key {name} refers"
                    f" to them from another schema: {where}.",
                    "Drop that foreign key, or convert the keys to uuid beforehand.",
                )
        others = [name for name in self.numbers.by_table() if name not in self.ours]
        if self.numbers.keys:
            yield from rights(self.connection, others)
        for table, columns in self.numbers.by_table().items():
            yield from self._held(table, list(columns), "a key", "which has to become a UUID")

    def _conflicts(self) -> Iterator[Obstacle]:
        for conflict in self.facts.conflicts:
            if all(has(self.found, column) for column in conflict.needs):
                lines = [row[0] for row in self._fetch(conflict.query)]
                if lines:
                    yield Obstacle(
                        f"There are {conflict.kind}:\n" + "\n".join(f"    {x}" for x in lines),
                        conflict.remedy,
                    )

    def _types(self) -> Iterator[Obstacle]:
        for one, name in self._tables():
            table, there = one.step.after.tables[name], self.found.tables[name]
            wrong = [
                pair
                for pair in mistyped(table, there)
                if pair[0] != column_before(one, name, pair[0].name)
                and (name, pair[0].name) not in self.numbers.places.keys() - self.numbers.spelled
            ]
            for column, other in wrong:
                spared = [
                    f"({rule.where})"
                    for rule in self.rules()
                    if rule.table == name
                    and column.name in rule.settles
                    and (rule.when == "mistyped" or before_its_type(rule, other))
                ]
                problem = inconvertible(
                    self.connection,
                    name,
                    (column, other),
                    self.facts.zone,
                    " OR ".join(spared) or "false",
                )
                if problem:
                    yield Obstacle(
                        f"The column {name}.{column.name} is {other.type} instead of"
                        f" {column.type}, and cannot be converted: {problem}.",
                        "Mend those values, or rename the column out of the way.",
                    )
            if wrong:
                columns = [column.name for column, _ in wrong]
                yield from self._held(name, columns, "a column", "whose type has to change")

    def _held(self, table: str, columns: list[str], what: str, why: str) -> Iterator[Obstacle]:
        for name, problem in held_by(self.connection, table, columns):
            yield Obstacle(
                f"{name}{problem} reads {what} of {table} {why}.",
                f"Drop {name}, run migrate, and make it again.",
            )

    def _nulls(self) -> Iterator[Obstacle]:
        settled = self._settled()
        for one, name in self._tables():
            there = self.found.tables[name]
            for column in one.step.after.tables[name].columns.values():
                known = there.columns.get(column.name)
                if (
                    known is None
                    or column.nullable
                    or not known.nullable
                    or column == column_before(one, name, column.name)
                    or f"{name}.{column.name}" in settled
                ):
                    continue
                yield from self._rows(
                    name,
                    f"{quoted(column.name)} IS NULL",
                    f"without a value for {column.name}, which has to be there",
                )

    def _constraints(self) -> Iterator[Obstacle]:
        """Yield the rows that an expected check or unique constraint would refuse."""
        settled = self._settled()
        for one in self.steps:
            for finding in one.findings:
                constraint, name = finding.expected, str(finding.table)
                if not isinstance(constraint, Constraint) or name not in self.found.tables:
                    continue
                columns = [f"{name}.{column}" for column in constraint.columns]
                if not all(has(self.found, one) for one in columns) or settled & set(columns):
                    continue
                if constraint.kind == "check":
                    yield from self._rows(
                        name,
                        f"NOT ({constraint.definition.removeprefix('CHECK ')})",
                        f"that {constraint.name} forbids",
                    )
                elif constraint.kind in {"primary key", "unique"}:
                    own = ", ".join(quoted(column) for column in constraint.columns)
                    yield from self._rows(
                        name,
                        f"({own}) IN (SELECT {own} FROM {quoted(name)} GROUP BY {own}"
                        " HAVING count(*) > 1)",
                        f"that share their {', '.join(constraint.columns)}, of which"
                        f" {constraint.name} allows one",
                    )
                elif constraint.kind == "foreign key" and constraint.target in self.found.tables:
                    column, key = (
                        quoted(constraint.columns[0]),
                        key_of(self.found, constraint.target),
                    )
                    yield from self._rows(
                        name,
                        f"one.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM"
                        f" {quoted(constraint.target)} AS t WHERE t.{quoted(key)} = one.{column})",
                        f"whose {constraint.columns[0]} is in no row of {constraint.target}",
                    )

    def _references(self) -> Iterator[Obstacle]:
        """Yield the rows of others that refer to a row which has to go into quarantine."""
        for rule in self.rules():
            if not isinstance(rule, Quarantine):
                continue
            key = quoted(key_of(self.found, rule.table))
            links = [
                *(
                    (name, quoted(name), constraint.columns[0])
                    for name, constraint in references(self.found, rule.table)
                    if name not in self.ours
                ),
                *(
                    (where, where, column)
                    for table, _, where, column in self._from_other_schemas
                    if table == rule.table
                ),
            ]
            if not self._fetch(
                f"SELECT FROM {quoted(rule.table)} AS one WHERE {rule.where} LIMIT 1"
            ):
                continue
            for name, others, column in links:
                yield from unreadable(self.connection, [others])
                link = quoted(column)
                rows = self._fetch(
                    f"SELECT {link}::text, count(*) FROM {others} WHERE {link} IN"
                    f" (SELECT one.{key} FROM {quoted(rule.table)} AS one WHERE {rule.where})"
                    " GROUP BY 1 ORDER BY 1"
                )
                if rows:
                    count = sum(row[1] for row in rows)
                    named = ", ".join(row[0] for row in rows[:SHOWN])
                    yield Obstacle(
                        f"{rule.table} has rows that must go into quarantine ({rule.reason}), and"
                        f" {name}, which is not this project's, refers to them by {column}"
                        f" ({count} row{pluralize(count)}):"
                        f" {named}{' …' if len(rows) > SHOWN else ''}.",
                        f"Give those rows of {rule.table} what they lack (UPDATE {rule.table} SET"
                        f" {rule.settles[0] if rule.settles else '…'} = '…' WHERE {key} = '…'),"
                        f" or let go of them in {name}.",
                    )

    def _rows(self, table: str, where: str, words: str) -> Iterator[Obstacle]:
        key = quoted(key_of(self.found, table))
        rows = self._fetch(
            f"SELECT COALESCE(one.{key}::text, 'NULL'), count(*) OVER ()"
            f" FROM {quoted(table)} AS one WHERE {where} ORDER BY one.{key} LIMIT {SHOWN}"
        )
        if rows:
            count = rows[0][1]
            named = ", ".join(row[0] for row in rows)
            yield Obstacle(
                f"{table} has {count} row{pluralize(count)} {words}: {named}"
                f"{' …' if count > SHOWN else ''}.",
                "Mend those rows, then run migrate again.",
            )

    def _tables(self) -> Iterator[tuple[Recognised, str]]:
        for one in self.steps:
            for name in one.step.after.tables:
                if name in self.found.tables:
                    yield one, name

    def _fetch(self, sql: str) -> list[tuple[str, int]]:
        """Return the rows of a query; none where columns have other types yet.

        Of those _types speaks.
        """
        try:
            with (
                transaction.atomic(using=self.connection.alias),
                self.connection.cursor() as cursor,
            ):
                cursor.execute(sql)
                rows: list[tuple[str, int]] = cursor.fetchall()
                return rows
        except (DataError, ProgrammingError):
            return []
