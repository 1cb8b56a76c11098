"""Put a quarantined row back into its table."""

import json
from typing import Any

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, models, transaction

from schema.models import QuarantinedRow

# Whoever edits a row in quarantine must not make an administrator of it.
PRIVILEGES = {"is_staff", "is_superuser"}


class RowDoesNotFitError(Exception):
    """The table refuses the row; the text is the reason, for people."""


def table_model(table: str) -> type[models.Model] | None:
    """Return the model of a table."""
    return next((model for model in apps.get_models() if model._meta.db_table == table), None)


def put_back(quarantined: QuarantinedRow, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Insert the row into its table again and delete it from quarantine.

    An account comes back without the flags that open the admin.

    Raises:
        RowDoesNotFitError: Nothing was changed.
    """
    connection = connections[using]
    table, row = quarantined.table_name, quarantined.row
    model = table_model(table)
    if model is None:
        raise RowDoesNotFitError(f"the table {table} no longer exists")
    with connection.cursor() as cursor:
        columns = {
            column.name for column in connection.introspection.get_table_description(cursor, table)
        }
    # A column that has gone may be forgotten only where it held nothing.
    homeless = sorted(name for name in row if name not in columns and row[name] is not None)
    if homeless:
        raise RowDoesNotFitError(f"{table} has no column {', '.join(homeless)}")
    kept = {name: value for name, value in row.items() if name in columns}
    if issubclass(model, AbstractBaseUser):
        kept |= dict.fromkeys(PRIVILEGES & kept.keys(), False)
    try:
        with transaction.atomic(using=using):
            _insert(connection, table, kept)
            connection.check_constraints([table])
            quarantined.delete(using=using)
    except DatabaseError as error:
        raise RowDoesNotFitError(str(error).strip().splitlines()[0]) from error


def _insert(connection: Any, table: str, row: dict[str, Any]) -> None:
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in row)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # The server reads its own JSON back, whatever the types are.
            cursor.execute(
                f"INSERT INTO {quote(table)} ({names}) SELECT {names}"  # noqa: S608 - quoted
                f" FROM jsonb_populate_record(NULL::{quote(table)}, %s::jsonb)",
                [json.dumps(row)],
            )
            return
        marks = ", ".join(["%s"] * len(row))
        values = [
            json.dumps(value) if isinstance(value, dict | list) else value for value in row.values()
        ]
        cursor.execute(
            f"INSERT INTO {quote(table)} ({names}) VALUES ({marks})",  # noqa: S608 - quoted
            values,
        )
