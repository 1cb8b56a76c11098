"""The HTML of messages, kept so that no view renders a message again.

The table is new and empty, so its foreign key locks chat_messages for an instant only. Views
fill it; nothing is lost when it is emptied.
"""

import django.db.models.deletion
from django.db import migrations, models

import schema.functions


class Migration(migrations.Migration):
    dependencies = [("chat", "0010_forget_search_index")]

    derived_tables = ("chat_message_renderings",)

    operations = [
        migrations.CreateModel(
            name="MessageRendering",
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
                ("digest", models.UUIDField(editable=False)),
                ("html", models.TextField()),
                (
                    "message",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="renderings",
                        to="chat.chatmessage",
                    ),
                ),
            ],
            options={
                "db_table": "chat_message_renderings",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("message", "digest"), name="chat_message_renderings_once"
                    )
                ],
            },
        ),
    ]
