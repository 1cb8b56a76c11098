"""Links that show a conversation to people without an account.

The table is new and empty, so its foreign key locks threads for an instant only.
"""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models.functions import Now

import schema.functions


class Migration(migrations.Migration):
    dependencies = [("chat", "0015_reasoning"), ("threads", "0006_branch_index")]

    operations = [
        migrations.CreateModel(
            name="Share",
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
                    "thread",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shares",
                        to="threads.thread",
                    ),
                ),
                ("key", models.CharField(editable=False, max_length=64)),
                (
                    "has_names",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Whether the user and the persona are named.",
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=Now(), default=django.utils.timezone.now, editable=False
                    ),
                ),
            ],
            options={
                "db_table": "chat_shares",
                "constraints": [
                    models.UniqueConstraint(fields=["key"], name="chat_shares_key"),
                ],
                "indexes": [models.Index(fields=["thread"], name="chat_shares_thread_idx")],
            },
        ),
    ]
