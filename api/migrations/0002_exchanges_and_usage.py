"""What programs said, and what replies cost.

Both tables are new and empty, so their foreign keys hold the other tables for an instant only.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import schema.functions


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0001_api_keys"),
        ("chat", "0001_chat_history"),
        ("personas", "0001_personas"),
        ("threads", "0001_threads"),
    ]

    operations = [
        migrations.CreateModel(
            name="Exchange",
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
                (
                    "history",
                    models.CharField(
                        help_text="SHA-256 of the conversation up to the message.", max_length=64
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=Now(), default=django.utils.timezone.now, editable=False
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="exchanges",
                        to="api.apikey",
                    ),
                ),
                (
                    "question",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exchanges",
                        to="chat.chatmessage",
                    ),
                ),
                (
                    "thread",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exchanges",
                        to="threads.thread",
                    ),
                ),
            ],
            options={
                "db_table": "api_exchanges",
                "indexes": [
                    models.Index(fields=["key", "history"], name="api_exchanges_history_idx"),
                    models.Index(fields=["thread"], name="api_exchanges_thread_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("question",), name="api_exchanges_question_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="Usage",
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
                ("model", models.TextField(blank=True, db_default="", default="")),
                ("status", models.CharField(max_length=11)),
                ("prompt_tokens", models.IntegerField()),
                ("completion_tokens", models.IntegerField()),
                (
                    "is_estimated",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="The model server did not count the tokens.",
                    ),
                ),
                ("duration_ms", models.IntegerField()),
                ("first_text_ms", models.IntegerField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=Now(), default=django.utils.timezone.now, editable=False
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="usage",
                        to="api.apikey",
                    ),
                ),
                (
                    "persona",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="usage",
                        to="personas.persona",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="usage",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "usage",
                "db_table": "api_usage",
                "indexes": [
                    models.Index(fields=["user", "created_at"], name="api_usage_user_idx"),
                    models.Index(fields=["-created_at", "-id"], name="api_usage_created_idx"),
                    models.Index(fields=["key"], name="api_usage_key_idx"),
                    models.Index(fields=["persona"], name="api_usage_persona_idx"),
                ],
            },
        ),
    ]
