"""Step 1, chat history (was schema_v2.sql): what was said."""

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
    CREATE FUNCTION chat_messages_null_means_default() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.created_at := COALESCE(NEW.created_at, now());
        NEW.updated_at := COALESCE(NEW.updated_at, now());
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER chat_messages_null_means_default BEFORE INSERT OR UPDATE ON chat_messages
    FOR EACH ROW WHEN (NEW.created_at IS NULL OR NEW.updated_at IS NULL)
    EXECUTE FUNCTION chat_messages_null_means_default()
    """,
]
NULL_IS_REFUSED = [
    "DROP TRIGGER chat_messages_null_means_default ON chat_messages",
    "DROP FUNCTION chat_messages_null_means_default()",
]


class Migration(migrations.Migration):
    initial = True

    dependencies = [("personas", "0001_personas")]

    operations = [
        migrations.CreateModel(
            name="ChatMessage",
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
                (
                    "role",
                    models.CharField(
                        choices=[("user", "User"), ("assistant", "Assistant"), ("twin", "Twin")],
                        max_length=50,
                    ),
                ),
                ("content", models.TextField(blank=True)),
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
                        related_name="messages",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "chat_messages",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(role__in=["user", "assistant", "twin"]),
                        name="chat_messages_role_check",
                    ),
                ],
                "indexes": [
                    models.Index(
                        fields=["user", "-created_at", "-id"], name="chat_messages_user_idx"
                    ),
                    models.Index(fields=["-created_at", "-id"], name="chat_messages_created_idx"),
                ],
            },
        ),
        schema.operations.SQLByVendor(
            forward={"postgresql": NULL_MEANS_DEFAULT},
            backward={"postgresql": NULL_IS_REFUSED},
        ),
    ]
