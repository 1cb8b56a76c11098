"""Read rows one at a time, and write them as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

# How many rows are read at a time on SQLite; each may hold megabytes.
SMALL_BATCH = 4


class Encoder(DjangoJSONEncoder):
    """Write timestamps to the microsecond; Django's encoder cuts them to milliseconds."""

    def default(self, value: Any) -> Any:
        """Return a value that JSON can hold."""
        return value.isoformat() if hasattr(value, "isoformat") else super().default(value)


def one_by_one(rows: models.QuerySet[Any, tuple[Any, ...]]) -> Iterator[Sequence[Any]]:
    """Yield the rows of a `values_list`, a few at a time because each may hold megabytes.

    On PostgreSQL the rows come by COPY, one at a time. Django's server-side cursors fetch a fixed
    number of rows, however large they are, and a streamed query takes twice as long as COPY.
    """
    connection = connections[rows.db]
    if connection.vendor != "postgresql":
        yield from rows.iterator(chunk_size=SMALL_BATCH)
        return
    compiler = rows.query.get_compiler(rows.db)
    sql, params = compiler.as_sql()
    expressions = [expression for expression, *_ in compiler.select]
    converters = compiler.get_converters(expressions)
    types = [_type_name(expression.output_field, connection) for expression in expressions]
    connection.ensure_connection()
    # The driver's own cursor: Django's debugging one cannot copy with parameters.
    statement = f"COPY ({sql}) TO STDOUT"
    with connection.connection.cursor() as cursor, cursor.copy(statement, params) as copy:
        copy.set_types(types)
        read = copy.rows()
        yield from compiler.apply_converters(read, converters) if converters else read


def _type_name(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    """Return the name of a column's type without its length, as the driver knows it."""
    return (field.rel_db_type(connection) or "text").partition("(")[0]


class ISOTime(models.Func):
    """A timestamp as ISO 8601 text, which takes a fifth of the time of reading it as an object."""

    output_field = models.TextField()
    template = "replace(%(expressions)s, ' ', 'T') || '+00:00'"

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Any:
        """Write the SQL of PostgreSQL; JSON has the format, whatever the session's DateStyle."""
        return self.as_sql(compiler, connection, template="to_jsonb(%(expressions)s)#>>'{}'")


def lines(rows: models.QuerySet[Any], fields: tuple[str, ...]) -> Iterator[bytes]:
    """Yield each row as one line of JSON."""
    encode = Encoder(ensure_ascii=False, separators=(",", ":")).encode
    for row in one_by_one(rows.values_list(*fields)):
        yield encode(dict(zip(fields, row, strict=True))).encode()


def separated(rows: Iterator[bytes]) -> Iterator[bytes]:
    """Yield each row on a line of its own, a comma before each but the first."""
    comma = b""
    for row in rows:
        yield b"%b%b\n" % (comma, row)
        comma = b","


def as_json(value: Any) -> str:
    """Return `value` as JSON text."""
    return json.dumps(value, cls=Encoder, ensure_ascii=False)
