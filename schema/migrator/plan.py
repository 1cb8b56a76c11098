"""What `migrate` would do, for machines; people are told by Django's own words."""

from django.core.management.commands import migrate
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from schema.migrator.targets import find_targets
from schema.report import Report


def say_planned(
    connection: BaseDatabaseWrapper,
    report: Report,
    app_label: str | None,
    migration_name: str | None,
) -> bool:
    """Report the plan with each migration's operations; return whether there is anything to do.

    Raises:
        CommandError: the names say nothing, or more than one thing.
    """
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(find_targets(executor.loader, app_label, migration_name))
    report.say(
        "plan",
        migrations=[str(migration) for migration, _ in plan],
        direction="backwards" if plan and plan[0][1] else "forwards",
        operations={
            str(migration): [
                migrate.Command.describe_operation(operation, backwards)[0]
                for operation in migration.operations
            ]
            for migration, backwards in plan
        },
    )
    return bool(plan)
