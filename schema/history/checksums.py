"""Checksums of migration files that survive reformatting."""

import ast
import functools
import hashlib
import inspect
from pathlib import Path

from django.db.migrations import Migration


def migration_checksum(migration: Migration) -> str:
    """Return the SHA-256, in hexadecimal, of the migration's file."""
    return _file_checksum(inspect.getfile(type(migration)))


def source_checksum(source: str) -> str:
    """Return the SHA-256, in hexadecimal, of the source's syntax tree.

    Blanks, line breaks, quotes and comments do not count; every name, number and text does,
    docstrings too. `ast.dump` is not used: what it prints differs between Python versions.
    """
    parts: list[str] = []
    _append(parts, ast.parse(source))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def _file_checksum(path: str) -> str:
    return source_checksum(Path(path).read_text(encoding="utf-8"))


def _append(parts: list[str], node: object) -> None:
    """Append the tree in order; empty fields are left out, newer Pythons add some.

    Not a generator: every `migrate` reads every applied migration's file.
    """
    if isinstance(node, ast.AST):
        parts.append("(" + type(node).__name__)
        fields = node.__dict__
        for name in node._fields:
            value = fields.get(name)
            if value is not None and value != []:
                parts.append(name)
                _append(parts, value)
        parts.append(")")
    elif isinstance(node, list):
        parts.append("[")
        for item in node:
            _append(parts, item)
        parts.append("]")
    else:
        parts.append(f"{type(node).__name__}:{node!r}")
