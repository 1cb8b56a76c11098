"""Checksums of migration files that survive reformatting."""

import ast
import functools
import hashlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from django.db.migrations import Migration


def migration_checksum(migration: Migration) -> str:
    """Return the SHA-256, in hexadecimal, of what the migration's file says."""
    return _file_checksum(inspect.getfile(type(migration)))


def source_checksum(source: str) -> str:
    """Return the SHA-256, in hexadecimal, of the source's syntax tree.

    Blanks, line breaks, quotes and comments do not count; every name, number and text does,
    docstrings too. `ast.dump` is not used: what it prints differs between Python versions.
    """
    digest = hashlib.sha256()
    for part in _parts(ast.parse(source)):
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


@functools.cache
def _file_checksum(path: str) -> str:
    return source_checksum(Path(path).read_text(encoding="utf-8"))


def _parts(node: object) -> Iterator[str]:
    """Yield the tree in order; empty fields are left out, newer Pythons add some."""
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            if value is not None and value != []:
                yield name
                yield from _parts(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            yield from _parts(item)
        yield "]"
    else:
        yield f"{type(node).__name__}:{node!r}"
