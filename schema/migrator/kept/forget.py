"""Drop for good what rollbacks set aside."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.connection.retry import RetryPolicy, retry
from schema.connection.session import session_settings
from schema.introspection.catalog import quoted
from schema.migrator.confirm import answer_to, at_terminal
from schema.migrator.kept.keeper import columns_anywhere, has_kept, in_rows
from schema.migrator.kept.postgresql import TOLD_APART
from schema.models import KeptObject
from schema.report import ExitCode, Report


def forget(connection: BaseDatabaseWrapper, report: Report, options: dict[str, Any]) -> None:
    """Drop what is set aside, of the app and migration that the options name.

    Raises:
        CommandError: Nobody confirmed it.
    """
    objects = set_aside(connection, options)
    if not objects:
        report.write("nothing_to_forget", "Nothing is set aside.")
        return
    lines = [f"  {kept}{in_rows(kept.rows)} of {kept.app}.{kept.name}" for kept in objects]
    text = "\n".join(["This drops for good:", *lines])
    report.write("forgetting", text, objects=[str(kept) for kept in objects])
    if not options["accept_data_loss"]:
        _ask(options, report)
    policy = RetryPolicy(options["table_lock_timeout"] / 1000, options["patience"])
    with session_settings(connection, {"lock_timeout": policy.lock_timeout_setting}):
        for kept in objects:
            retry(lambda kept=kept: _drop(connection, kept), policy)  # type: ignore[misc]  # a default
            report.write("forgot", f"  dropped {kept}", object=str(kept))


def set_aside(connection: BaseDatabaseWrapper, options: dict[str, Any]) -> list[KeptObject]:
    """Return what is set aside, of the app and migration that the options name."""
    if not has_kept(connection):
        return []
    objects = KeptObject.objects.using(connection.alias).filter(returning=False).order_by("id")
    if options["app_label"]:
        objects = objects.filter(app=options["app_label"])
    if options["migration_name"]:
        objects = objects.filter(name__startswith=options["migration_name"])
    return list(objects)


def _ask(options: dict[str, Any], report: Report) -> None:
    if options["interactive"] and not report.as_json and at_terminal():
        if answer_to("Type yes to lose it: ") == "yes":
            return
        raise CommandError("Nothing was changed.", returncode=ExitCode.REFUSED)
    raise CommandError(
        "Confirmation is required, and no terminal is attached.\n"
        "Nothing was changed. Add --accept-data-loss to confirm it.",
        returncode=ExitCode.REFUSED,
    )


def _drop(connection: BaseDatabaseWrapper, kept: KeptObject) -> None:
    with transaction.atomic(using=connection.alias):
        for table in columns_anywhere(connection, kept):
            with connection.cursor() as cursor:
                if kept.column_name and connection.vendor == "postgresql":
                    cursor.execute(
                        f"ALTER TABLE {quoted(table)} DROP COLUMN {quoted(kept.kept_as)},"
                        f" DROP COLUMN IF EXISTS {quoted(kept.kept_as + TOLD_APART)}"
                    )
                else:
                    cursor.execute(f"DROP TABLE {quoted(table)}")
        KeptObject.objects.using(connection.alias).filter(pk=kept.pk).delete()
