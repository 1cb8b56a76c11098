"""The samples of personas, as rows of their own.

The table is new and empty, so its foreign key locks personas for an instant only.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models

import schema.functions


class Migration(migrations.Migration):
    dependencies = [
        ("personas", "0003_normal_color"),
    ]

    operations = [
        migrations.CreateModel(
            name="Sample",
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
                ("text", models.TextField()),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("form", "Written here"),
                            ("text", "Text file"),
                            ("mail", "Mail"),
                            ("whatsapp", "WhatsApp"),
                            ("chatgpt", "ChatGPT"),
                            ("messages", "Your messages here"),
                            ("answer", "An answer that you liked or rewrote"),
                        ],
                        db_default="form",
                        default="form",
                        max_length=20,
                    ),
                ),
                (
                    "origin",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="The file or the conversation.",
                    ),
                ),
                ("fingerprint", models.UUIDField(blank=True, editable=False, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        auto_now=True, db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                (
                    "persona",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="samples",
                        to="personas.persona",
                    ),
                ),
            ],
            options={
                "db_table": "personas_samples",
                "indexes": [
                    models.Index(
                        fields=["persona", "created_at", "id"], name="personas_samples_idx"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "source__in",
                                [
                                    "form",
                                    "text",
                                    "mail",
                                    "whatsapp",
                                    "chatgpt",
                                    "messages",
                                    "answer",
                                ],
                            )
                        ),
                        name="personas_samples_source_check",
                    ),
                    models.UniqueConstraint(
                        fields=("persona", "fingerprint"),
                        name="personas_samples_once",
                        violation_error_message="The persona has this sample already.",
                    ),
                ],
            },
        ),
    ]
