"""Django's PostgreSQL backend, with foreign keys that act on delete in the database."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import models
from django.db.backends.ddl_references import Statement
from django.db.backends.postgresql import base, schema
from django.db.backends.postgresql.psycopg_any import BaseTzLoader, get_adapters_template
from psycopg import DataError
from psycopg.adapt import AdaptersMap, Buffer

from schema.backends.foreign_keys import delete_action


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """Writes ON DELETE, and every foreign key as a statement of its own."""

    # Left out, Django goes through _create_fk_sql for added columns too.
    sql_create_column_inline_fk = None

    def _create_fk_sql(
        self, model: type[models.Model], field: models.Field[Any, Any], suffix: str
    ) -> Statement:
        statement = super()._create_fk_sql(model, field, suffix)
        statement.parts["deferrable"] = delete_action(field) + statement.parts["deferrable"]
        return statement


EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
LATEST = datetime(9999, 12, 29, tzinfo=UTC)
"""The first and last timestamps that are read, with room for a conversion to any time zone."""


class BoundedTimestampLoader(BaseTzLoader):
    """Read a timestamp that Python cannot hold as the first or the last one that it can.

    PostgreSQL has infinity, years BC and years beyond 9999. Any program may write them, and a page
    that lists such a row must not fail.
    """

    def load(self, data: Buffer) -> datetime:
        """Return the timestamp, within bounds."""
        try:
            found: datetime = super().load(data)
        except (DataError, OverflowError):
            text = bytes(data)
            early = text.startswith(b"-") or text.endswith(b"BC")
            return (EARLIEST if early else LATEST).replace(tzinfo=self.timezone)
        return found


@lru_cache
def adapters(use_tz: bool, timezone: tzinfo | None) -> AdaptersMap:
    """Return Django's adapters with the loader above."""

    class Loader(BoundedTimestampLoader):
        pass

    Loader.timezone = timezone
    template = AdaptersMap(get_adapters_template(use_tz, timezone))
    template.register_loader("timestamptz", Loader)
    return template


STYLES = {"DateStyle": "ISO", "IntervalStyle": "postgres"}
"""The settings in which psycopg reads dates and intervals; a role or a database may set others."""


class DatabaseWrapper(base.DatabaseWrapper):
    """The connection, with our schema editor and our way to read timestamps."""

    SchemaEditorClass = DatabaseSchemaEditor

    def get_connection_params(self) -> dict[str, Any]:
        """Return what psycopg connects with."""
        params: dict[str, Any] = super().get_connection_params()
        return params | {"context": adapters(settings.USE_TZ, self.timezone)}

    def init_connection_state(self) -> None:
        """Set the styles where they differ: the server has reported them when it connected."""
        super().init_connection_state()
        for name, style in STYLES.items():
            if not (self.connection.info.parameter_status(name) or style).startswith(style):
                with self.cursor() as cursor:
                    cursor.execute(f"SET {name} TO {style}")
