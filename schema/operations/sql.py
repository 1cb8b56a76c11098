"""SQL statements for each engine."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

RERUNNABLE = re.compile(
    r"\s*(CREATE OR REPLACE |(CREATE|DROP) \w+ IF (NOT )?EXISTS |ANALYZE )", re.IGNORECASE
)


class SQLByVendor(migrations.RunSQL):
    """Run the statements for the current engine.

    `forward` and `backward` map a vendor ("postgresql", "sqlite") to a list of single
    statements. A vendor that is not a key runs nothing.
    """

    def __init__(
        self,
        forward: Mapping[str, Sequence[str]],
        backward: Mapping[str, Sequence[str]],
        state_operations: Sequence[Any] | None = None,
        hints: Mapping[str, Any] | None = None,
        elidable: bool = False,
    ) -> None:
        self.forward = forward
        self.backward = backward
        super().__init__(
            list(forward), list(backward), list(state_operations or []), dict(hints or {}), elidable
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return the constructor's arguments."""
        return type(self).__qualname__, [], {"forward": self.forward, "backward": self.backward}

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Run the forward statements of this vendor."""
        self._run(self.forward, schema_editor)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Run the backward statements of this vendor."""
        self._run(self.backward, schema_editor)

    def describe(self) -> str:
        """Return the line of `migrate --plan`."""
        return "SQL for " + " and ".join(self.forward)

    def _run(
        self, statements: Mapping[str, Sequence[str]], schema_editor: BaseDatabaseSchemaEditor
    ) -> None:
        for statement in statements.get(schema_editor.connection.vendor, []):
            schema_editor.execute(statement, params=None)


class RerunnableSQL(SQLByVendor):
    """Statements that change nothing if they are run again.

    Each has OR REPLACE, IF EXISTS or IF NOT EXISTS, or is ANALYZE; the constructor checks this.
    """

    def __init__(
        self,
        forward: Mapping[str, Sequence[str]],
        backward: Mapping[str, Sequence[str]],
        state_operations: Sequence[Any] | None = None,
        hints: Mapping[str, Any] | None = None,
        elidable: bool = False,
    ) -> None:
        for statements in [*forward.values(), *backward.values()]:
            for statement in statements:
                if not RERUNNABLE.match(statement):
                    raise ValueError(f"This statement cannot be run twice: {statement.strip()}")
        super().__init__(forward, backward, state_operations, hints, elidable)
