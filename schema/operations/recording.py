"""How an operation tells the SQL export what to write in place of what it runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db.backends.base.schema import BaseDatabaseSchemaEditor


@contextmanager
def written_as(
    schema_editor: BaseDatabaseSchemaEditor, statements: Sequence[str]
) -> Iterator[None]:
    """Let the export write `statements` for what is executed within.

    The export runs a migration in a scratch place and keeps what its schema editor executes
    in `recorded`. There an index, say, is built plainly, but a DBA has to build it online.
    """
    recorded: list[str] | None = getattr(schema_editor, "recorded", None)
    begin = len(recorded or [])
    yield
    if recorded is not None:
        recorded[begin:] = statements


def in_one_transaction(schema_editor: BaseDatabaseSchemaEditor) -> bool:
    """Tell whether what is executed can neither commit nor be seen half-way."""
    return schema_editor.connection.in_atomic_block
