"""A data step that is too long for one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from schema.batches import run
from schema.batches.as_sql import batches_as_sql
from schema.batches.step import Step
from schema.operations.recording import written_as


@dataclass(eq=False, repr=False)
class BatchedSQL(Operation):
    """Change the rows of one table a batch at a time, each in a short transaction.

    Args:
        migration: `__name__` of the migration's file; with `step` it names the position.
        step: What the step is called where its progress is shown.
        table: The table to go through.
        forward: For each vendor the statements of one batch, each with `{batch}` for the
            condition on the rows of `table`. The last one's rows are counted.
        backward: The same for the way back; empty where the migration before takes
            everything away with it.
        key: The primary key to go by. Without it the table is gone through as it lies on
            disk. A changed row may then be met again, so the statements leave out what is
            not pending.
        pending: The condition of a row that still needs the step: at the end there is none.
        pending_backward: The same for the way back.
    """

    migration: str
    step: str
    table: str
    forward: Mapping[str, Sequence[str]]
    backward: Mapping[str, Sequence[str]]
    _: KW_ONLY
    key: str | None = None
    pending: str | None = None
    pending_backward: str | None = None

    reduces_to_sql: ClassVar[bool] = True
    reversible: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.key is None and self.pending is None:
            raise ValueError("BatchedSQL needs a key or pending, to do each row once.")

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the models as they are."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Run the step, and reset the progress of its reverse."""
        self._run(schema_editor, *self._steps(app_label, schema_editor.connection))

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Run the reverse, and reset the progress of the step."""
        forward, backward = self._steps(app_label, schema_editor.connection)
        self._run(schema_editor, backward, forward, backwards=True)

    def describe(self) -> str:
        """Return the line of `migrate --plan`."""
        return f"Process {self.table} in batches: {self.step}"

    def _steps(self, app_label: str, connection: BaseDatabaseWrapper) -> list[Step]:
        """Return the step and its reverse."""
        name = self.migration.rpartition(".")[2]
        return [
            Step(
                app=app_label,
                migration=name,
                name=label,
                table=self.table,
                statements=tuple(statements.get(connection.vendor, ())),
                key=self.key,
                pending=pending,
            )
            for label, statements, pending in (
                (self.step, self.forward, self.pending),
                (f"{self.step}, back", self.backward, self.pending_backward),
            )
        ]

    def _run(
        self,
        schema_editor: BaseDatabaseSchemaEditor,
        step: Step,
        opposite: Step,
        *,
        backwards: bool = False,
    ) -> None:
        """Run `step` and delete the progress of the opposite one."""
        connection = schema_editor.connection
        script = batches_as_sql(connection, step, opposite, backwards=backwards)
        if schema_editor.collect_sql:
            for statement in script:
                schema_editor.execute(statement, params=None)
            return
        with written_as(schema_editor, script):
            if step.statements:
                run.run(connection, step)
            if not connection.in_atomic_block:
                run.forget(connection, opposite)
