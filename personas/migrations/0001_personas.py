"""The base, second half: one persona a user."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import schema.functions


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
    ]
