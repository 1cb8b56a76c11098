"""Refuse every statement that is not a read while a command only inspects a database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import connections

COMMENT = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()+", re.DOTALL)
READS = re.compile(
    r"(SELECT|VALUES|TABLE|SHOW|WITH|SAVEPOINT|RELEASE|ROLLBACK|BEGIN|COMMIT)\b"
    r"|EXPLAIN\b(?!\s*\(?\s*ANALYZE)|SET\s+CONSTRAINTS\b|PRAGMA\s+\w+\s*(\(|\Z)",
    re.IGNORECASE,
)
WRITES = re.compile(r"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|INTO)\b", re.IGNORECASE)
QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
CALLS = re.compile(r"\b(nextval|setval|pg_advisory_\w+|lo_\w+|dblink\w*)\s*\(", re.IGNORECASE)


class WriteRefusedError(Exception):
    """Something tried to change a database that was only to be inspected."""


@contextmanager
def reads_only() -> Iterator[None]:
    """Let every connection that exists now read and nothing else.

    A connection that is opened within is free: the scratch schema is reached over one.
    """
    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(refuse_writes))
        yield


def is_read(sql: str) -> bool:
    """Whether the statement only reads, as far as its text shows."""
    statements = QUOTED.sub("''", sql).strip().removesuffix(";").split(";")
    return all(
        READS.match(COMMENT.sub("", one)) and not WRITES.search(one) and not CALLS.search(one)
        for one in statements
    )


def refuse_writes(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute a read; raise WriteRefusedError for anything else. Django calls this wrapper."""
    if not is_read(str(sql)):
        alias = context["connection"].alias
        raise WriteRefusedError(
            f"This command only inspects the database {alias!r}, but something tried to run:"
            f" {str(sql).strip()[:200]}"
        )
    return execute(sql, params, many, context)
