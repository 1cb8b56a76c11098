"""What shows that a migration was begun, known without asking a database."""

from __future__ import annotations

from django.db.migrations.loader import MigrationLoader

from schema.adoption.spec import Facts
from schema.models import MigrationKey


def anchors(loader: MigrationLoader, key: MigrationKey) -> list[tuple[str, str | None]]:
    """Return the tables that a migration makes, and the columns it adds to others."""
    before = loader.project_state(key, at_end=False)
    after = loader.project_state(key)
    found: list[tuple[str, str | None]] = []
    for name, model in after.models.items():
        table = str(model.options.get("db_table") or "_".join(name))
        if name not in before.models:
            found.append((table, None))
            continue
        for field_name, field in model.fields.items():
            if field_name not in before.models[name].fields and not field.many_to_many:
                link = f"{field_name}_id" if field.remote_field else field_name
                found.append((table, field.db_column or link))
    return found


def tables(loader: MigrationLoader, facts: Facts) -> list[str]:
    """Return the tables that the steps make."""
    return sorted(
        {table for key in facts.steps for table, column in anchors(loader, key) if column is None}
    )
