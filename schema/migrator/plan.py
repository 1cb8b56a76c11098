"""What the arguments of `migrate` name, and the plan that follows from them."""

from __future__ import annotations

from django.apps import apps
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import AmbiguityError, MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from schema.execution.executor import Plan, RecordingExecutor
from schema.models import MigrationKey
from schema.report import Report

Target = tuple[str, str | None]


def find_targets(
    loader: MigrationLoader, app_label: str | None, migration_name: str | None
) -> list[Target]:
    """Return the migrations to bring the database to; (app, None) is before the app's first.

    Raises:
        CommandError: the names say nothing, or more than one thing.
    """
    conflicts = loader.detect_conflicts()
    if conflicts:
        names = "; ".join(f"{', '.join(names)} in {app}" for app, names in conflicts.items())
        raise CommandError(
            f"These migrations are all the last of their app: {names}.\n"
            "Run `python manage.py makemigrations --merge`."
        )
    if not app_label:
        return [*loader.graph.leaf_nodes()]
    try:
        apps.get_app_config(app_label)
    except LookupError as error:
        raise CommandError(str(error)) from error
    if app_label not in loader.migrated_apps:
        raise CommandError(f"App '{app_label}' does not have migrations.")
    if not migration_name:
        return [key for key in loader.graph.leaf_nodes() if key[0] == app_label]
    if migration_name == "zero":
        return [(app_label, None)]
    try:
        migration = loader.get_migration_by_prefix(app_label, migration_name)
    except AmbiguityError:
        raise CommandError(
            f"More than one migration matches '{migration_name}' in app '{app_label}'. "
            "Please be more specific."
        ) from None
    except KeyError:
        raise CommandError(
            f"Cannot find a migration matching '{migration_name}' from app '{app_label}'."
        ) from None
    return [_in_graph(loader, (app_label, migration.name))]


def _in_graph(loader: MigrationLoader, target: MigrationKey) -> MigrationKey:
    """Return the target, or the last part of a squashed migration that is applied in part.

    Raises:
        CommandError: A squashed migration stands in the target's place.
    """
    if target in loader.graph.nodes or target in loader.applied_migrations:
        return target  # backwards to a replaced one, Django plans with the replaced ones
    if target in loader.replacements:
        return loader.replacements[target].replaces[-1]
    whole = next(one for one in loader.replacements.values() if target in one.replaces)
    raise CommandError(
        f"{'.'.join(target)} is part of {whole}, which replaces it.\n"
        "Nothing was changed. Name that one, or one before or after it."
    )


def write_planned(report: Report, plan: Plan, *, faked: bool) -> None:
    """Report what is about to run."""
    backwards = bool(plan and plan[0][1])
    doing = "Rolling back" if backwards else "Running"
    if faked:
        doing = "Faking the rollback of" if backwards else "Faking"
    report.write(
        "plan",
        f"{doing} {len(plan)} migration{'s' if len(plan) != 1 else ''}:" if plan else "",
        migrations=[str(migration) for migration, _ in plan],
        direction="backwards" if backwards else "forwards",
    )


def write_plan(
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
    report.write(
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


def write_data(
    connection: BaseDatabaseWrapper,
    report: Report,
    app_label: str | None,
    migration_name: str | None,
    *,
    keep: bool,
) -> None:
    """Report what the plan would lose or set aside, or put back, with the numbers of rows."""
    from schema.migrator.kept.keeper import has_kept, in_rows, kept_objects
    from schema.migrator.rollback import losses

    executor = RecordingExecutor(connection)
    plan = executor.migration_plan(find_targets(executor.loader, app_label, migration_name))
    if plan and plan[0][1]:
        lost = losses(executor, plan)
        event, head = ("kept", "sets aside") if keep else ("losses", "loses")
        lines, fields = [f"  {one}" for one in lost], [vars(one) for one in lost]
        head = f"This rollback {head}:"
    else:
        applied = [migration for migration, _ in plan] if has_kept(connection) else []
        objects = [kept for one in applied for kept in kept_objects(connection, one)]
        event, head = "put_back", "This puts back what a rollback set aside:"
        lines = [f"  {kept}{in_rows(kept.rows)}" for kept in objects]
        fields = [{"object": str(kept), "rows": kept.rows} for kept in objects]
    if lines:
        report.write(event, "\n".join([head, *lines]), objects=fields)


def render_again(state: ProjectState) -> None:
    """Render the apps without migrations once more: their relations are known only now."""
    state.clear_delayed_apps_cache()
    with state.apps.bulk_update():
        keys = [(model.app_label, model.name_lower) for model in state.apps.real_models]
        for key in keys:
            state.apps.unregister_model(*key)
    state.apps.render_multiple([ModelState.from_model(apps.get_model(*key)) for key in keys])
