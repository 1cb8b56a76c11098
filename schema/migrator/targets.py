"""What the arguments of `migrate` name."""

from django.apps import apps
from django.core.management.base import CommandError
from django.db.migrations.loader import AmbiguityError, MigrationLoader

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
    target = (app_label, migration.name)
    # A squashed migration that is applied in part is not in the graph; its last part is.
    if target not in loader.graph.nodes and target in loader.replacements:
        target = loader.replacements[target].replaces[-1]
    return [target]
