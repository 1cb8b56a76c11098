"""Let an operation give the SQL export other statements than those it executes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db.backends.base.schema import BaseDatabaseSchemaEditor


@contextmanager
def written_as(
    schema_editor: BaseDatabaseSchemaEditor, statements: Sequence[str]
) -> Iterator[None]:
    """Let the export write `statements` in place of those executed in the block.

    The export runs a migration in a scratch schema and keeps what its schema editor executes in
    `recorded`. There an index, for example, is built plainly, but by hand it is built online.
    """
    recorded: list[str] | None = getattr(schema_editor, "recorded", None)
    begin = len(recorded or [])
    yield
    if recorded is not None:
        recorded[begin:] = statements


def in_one_transaction(schema_editor: BaseDatabaseSchemaEditor) -> bool:
    """Return whether a transaction is open, which hides every change until it commits."""
    return schema_editor.connection.in_atomic_block
