"""Replies while they stream, and what messages said before they were edited.

Both tables are new and empty, so their foreign keys hold chat_messages for an instant only.
"""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models.functions import Now

import schema.functions


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0004_thread_index"),
        ("personas", "0002_multi_persona"),
        ("threads", "0001_threads"),
    ]

    operations = [
        migrations.CreateModel(
            name="MessageVersion",
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
                    "role",
                    models.CharField(
                        choices=[("user", "User"), ("assistant", "Assistant"), ("twin", "Twin")],
                        max_length=50,
                    ),
                ),
                ("content", models.TextField()),
                ("written_at", models.DateTimeField()),
                (
                    "replaced_at",
                    models.DateTimeField(db_default=Now(), default=django.utils.timezone.now),
                ),
                (
                    "message",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="chat.chatmessage",
                    ),
                ),
            ],
            options={
                "db_table": "chat_message_versions",
                "indexes": [
                    models.Index(
                        fields=["message", "written_at", "id"], name="chat_message_versions_idx"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Reply",
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
                    "voice",
                    models.CharField(
                        choices=[("assistant", "Assistant"), ("twin", "Twin")], max_length=50
                    ),
                ),
                ("model", models.TextField(blank=True, db_default="", default="")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("streaming", "Streaming"),
                            ("complete", "Complete"),
                            ("stopped", "Stopped"),
                            ("failed", "Failed"),
                            ("interrupted", "Interrupted"),
                        ],
                        db_default="streaming",
                        default="streaming",
                        max_length=11,
                    ),
                ),
                ("text", models.TextField(blank=True, db_default="", default="")),
                ("stop_requested", models.BooleanField(db_default=False, default=False)),
                ("prompt_tokens", models.IntegerField(blank=True, null=True)),
                ("completion_tokens", models.IntegerField(blank=True, null=True)),
                (
                    "failure",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="One of chat.failures.",
                        max_length=20,
                    ),
                ),
                (
                    "error",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="What the model's server said.",
                    ),
                ),
                (
                    "retry_after",
                    models.IntegerField(
                        blank=True, help_text="Seconds the model's server asked to wait.", null=True
                    ),
                ),
                (
                    "heartbeat_at",
                    models.DateTimeField(db_default=Now(), default=django.utils.timezone.now),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=Now(), default=django.utils.timezone.now, editable=False
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, db_default=Now())),
                (
                    "answer",
                    models.ForeignKey(
                        db_index=False,
                        help_text="The message it became or, of one that is generated anew, is to replace.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="origins",
                        to="chat.chatmessage",
                    ),
                ),
                (
                    "persona",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replies",
                        to="personas.persona",
                    ),
                ),
                (
                    "question",
                    models.ForeignKey(
                        db_index=False,
                        help_text="The message it answers; null once that one is deleted.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replies",
                        to="chat.chatmessage",
                    ),
                ),
                (
                    "thread",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replies",
                        to="threads.thread",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "replies",
                "db_table": "chat_replies",
                "indexes": [
                    models.Index(fields=["thread", "-created_at"], name="chat_replies_thread_idx"),
                    models.Index(fields=["answer"], name="chat_replies_answer_idx"),
                    models.Index(fields=["question"], name="chat_replies_question_idx"),
                    models.Index(fields=["persona"], name="chat_replies_persona_idx"),
                    models.Index(
                        condition=models.Q(("status", "streaming")),
                        fields=["heartbeat_at"],
                        name="chat_replies_heartbeat_idx",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["streaming", "complete", "stopped", "failed", "interrupted"],
                            )
                        ),
                        name="chat_replies_status_check",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("voice__in", ["assistant", "twin"])),
                        name="chat_replies_voice_check",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "streaming")),
                        fields=("thread",),
                        name="chat_replies_one_in_flight",
                        violation_error_message="A reply is being written in this thread.",
                    ),
                ],
            },
        ),
    ]
