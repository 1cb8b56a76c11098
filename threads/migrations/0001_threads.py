"""Step 3, threading, first half (was schema_v4_threading.sql): the threads."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Coalesce, Now

import schema.functions
import schema.operations

# Other programs may write NULL where the old table allowed it and ours does not.
NULL_MEANS_DEFAULT = [
    """
    CREATE FUNCTION threads_null_means_default() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.description := COALESCE(NEW.description, '');
        NEW.message_count := COALESCE(NEW.message_count, 0);
        NEW.created_at := COALESCE(NEW.created_at, now());
        NEW.updated_at := COALESCE(NEW.updated_at, now());
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER threads_null_means_default BEFORE INSERT OR UPDATE ON threads
    FOR EACH ROW WHEN (
        NEW.description IS NULL OR NEW.message_count IS NULL
        OR NEW.created_at IS NULL OR NEW.updated_at IS NULL
    )
    EXECUTE FUNCTION threads_null_means_default()
    """,
]
NULL_IS_REFUSED = [
    "DROP TRIGGER threads_null_means_default ON threads",
    "DROP FUNCTION threads_null_means_default()",
]


class Migration(migrations.Migration):
    initial = True

    dependencies = [("personas", "0002_multi_persona")]

    operations = [
        migrations.CreateModel(
            name="Thread",
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
                ("title", models.CharField(max_length=255)),
                ("description", models.TextField(blank=True, default="", db_default="")),
                (
                    "is_general",
                    models.BooleanField("general", default=False, db_default=False, editable=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, db_default=Now(), editable=False
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, db_default=Now())),
                (
                    "last_message_at",
                    models.DateTimeField(null=True, blank=True, editable=False),
                ),
                (
                    "message_count",
                    models.IntegerField(default=0, db_default=0, editable=False),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="threads",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "persona",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="threads",
                        to="personas.persona",
                    ),
                ),
            ],
            options={
                "db_table": "threads",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["user"],
                        condition=models.Q(is_general=True),
                        name="threads_one_general",
                    ),
                ],
                "indexes": [
                    models.Index(
                        models.F("user"),
                        Coalesce("last_message_at", "created_at").desc(),
                        models.F("id").desc(),
                        name="threads_recent_idx",
                    ),
                    models.Index(fields=["persona"], name="threads_persona_idx"),
                ],
            },
        ),
        schema.operations.SQLByVendor(
            forward={"postgresql": NULL_MEANS_DEFAULT},
            backward={"postgresql": NULL_IS_REFUSED},
        ),
    ]
