"""The base, second half: one persona a user."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import schema.functions
import schema.operations

# Other programs may write NULL where the old table allowed it and ours does not.
NULL_MEANS_DEFAULT = [
    """
    CREATE FUNCTION personas_null_means_default() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.name := COALESCE(NEW.name, 'My Twin');
        NEW.metadata := COALESCE(NEW.metadata, '{}');
        NEW.created_at := COALESCE(NEW.created_at, now());
        NEW.updated_at := COALESCE(NEW.updated_at, now());
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER personas_null_means_default BEFORE INSERT OR UPDATE ON personas
    FOR EACH ROW WHEN (
        NEW.name IS NULL OR NEW.metadata IS NULL
        OR NEW.created_at IS NULL OR NEW.updated_at IS NULL
    )
    EXECUTE FUNCTION personas_null_means_default()
    """,
]
NULL_IS_REFUSED = [
    "DROP TRIGGER personas_null_means_default ON personas",
    "DROP FUNCTION personas_null_means_default()",
]


class Migration(migrations.Migration):
    initial = True

    dependencies = [("users", "0001_users")]

    operations = [
        migrations.CreateModel(
            name="Persona",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        primary_key=True,
                        default=schema.functions.uuid7,
                        db_default=schema.functions.RandomUUID(),
                        editable=False,
                        serialize=False,
                    ),
                ),
                ("name", models.TextField(default="My Twin", db_default="My Twin")),
                (
                    "metadata",
                    models.JSONField(
                        blank=True, default=dict, db_default=models.Value({}, models.JSONField())
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, db_default=Now(), editable=False
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, db_default=Now())),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="personas",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "personas",
                "indexes": [
                    models.Index(fields=["user", "created_at", "id"], name="personas_user_idx"),
                ],
            },
        ),
        schema.operations.SQLByVendor(
            forward={"postgresql": NULL_MEANS_DEFAULT},
            backward={"postgresql": NULL_IS_REFUSED},
        ),
    ]
