"""Keys that let programs act for people.

The table is new and empty, so its foreign key holds users for an instant only.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import schema.functions


class Migration(migrations.Migration):
    dependencies = [("users", "0002_attempts")]

    operations = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=schema.functions.RandomUUID(),
                        default=schema.functions.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "hash",
                    models.CharField(
                        editable=False, help_text="SHA-256 of the key.", max_length=64
                    ),
                ),
                (
                    "hint",
                    models.CharField(
                        editable=False, help_text="How the key begins.", max_length=24
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("read", "Read only"),
                            ("chat", "Chat only"),
                            ("everything", "Everything"),
                        ],
                        db_default="chat",
                        default="chat",
                        max_length=10,
                    ),
                ),
                (
                    "chats",
                    models.CharField(
                        choices=[
                            ("listed", "In the list of threads"),
                            ("apart", "Apart, under the key's name"),
                            ("unkept", "Not kept"),
                        ],
                        db_default="listed",
                        default="listed",
                        max_length=6,
                    ),
                ),
                (
                    "is_login",
                    models.BooleanField(
                        db_default=False, default=False, verbose_name="browser client"
                    ),
                ),
                (
                    "password_stamp",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        editable=False,
                        help_text="Of a log-in: which password it was made with.",
                        max_length=64,
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "last_client",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=Now(), default=django.utils.timezone.now, editable=False
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_keys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "db_table": "api_keys",
                "indexes": [
                    models.Index(fields=["user", "-created_at"], name="api_keys_user_idx"),
                    models.Index(fields=["-created_at", "-id"], name="api_keys_created_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("hash",), name="api_keys_hash_key"),
                    models.CheckConstraint(
                        condition=models.Q(("scope__in", ["read", "chat", "everything"])),
                        name="api_keys_scope_check",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("chats__in", ["listed", "apart", "unkept"])),
                        name="api_keys_chats_check",
                    ),
                ],
            },
        ),
    ]
