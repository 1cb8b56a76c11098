"""Keys and database functions that mean the same on PostgreSQL and SQLite."""

import uuid
from typing import Any

import uuid_utils.compat
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler


def uuid7() -> uuid.UUID:
    """Return a time-ordered UUID, version 7 (RFC 9562, section 5.7)."""
    return uuid_utils.compat.uuid7()


class RandomUUID(models.Func):
    """A random UUID, version 4 (RFC 9562, section 5.4), made by the database.

    PostgreSQL has it built in since 13. SQLite keeps UUIDs as 32 hexadecimal digits, and
    a column default may not hold a subquery, so the digits are put together in place.
    """

    output_field = models.UUIDField()
    function = "GEN_RANDOM_UUID"
    arity = 0

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        """Compile to hexadecimal digits with the version and variant bits set."""
        variant = "substr('89ab', 1 + (random() & 3), 1)"
        return (
            "(lower(hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2)"
            f" || {variant} || substr(hex(randomblob(8)), 2)))",
            (),
        )


class IsHexColor(models.Func):
    """Whether a text is a colour such as #4f46e5.

    Not a regular expression on SQLite, where REGEXP exists only inside Django: the
    constraint has to hold, and not fail, for rows written by other programs too.
    """

    output_field = models.BooleanField()
    conditional = True
    arity = 1
    template = "%(expressions)s ~ '^#[0-9A-Fa-f]{6}$'"

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        """Compile to GLOB, which SQLite always has."""
        pattern = "#" + "[0-9A-Fa-f]" * 6
        sql, params = self.as_sql(
            compiler, connection, template=f"%(expressions)s GLOB '{pattern}'", **extra
        )
        return sql, params
