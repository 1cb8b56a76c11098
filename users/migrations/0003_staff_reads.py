"""A table that records what staff read of other people's words in the admin."""

import django.db.models.functions.datetime
from django.db import migrations, models

import schema.functions


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0002_attempts"),
    ]

    operations = [
        migrations.CreateModel(
            name="StaffRead",
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
                ("staff", models.UUIDField(verbose_name="staff")),
                ("staff_email", models.TextField(verbose_name="staff")),
                ("person", models.UUIDField(verbose_name="whose")),
                (
                    "page",
                    models.CharField(
                        choices=[
                            ("list", "list"),
                            ("row", "row"),
                            ("history", "history"),
                            ("deletion", "confirmation of a deletion"),
                            ("account", "page of the account"),
                        ],
                        max_length=10,
                        verbose_name="page",
                    ),
                ),
                ("kind", models.CharField(max_length=100, verbose_name="kind")),
                ("row", models.UUIDField(null=True, verbose_name="row")),
                ("rows", models.IntegerField(db_default=1, default=1, verbose_name="rows")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="time"
                    ),
                ),
            ],
            options={
                "verbose_name": "read by staff",
                "verbose_name_plural": "reads by staff",
                "db_table": "staff_reads",
                "indexes": [models.Index(fields=["person", "-id"], name="staff_reads_person_idx")],
            },
        ),
    ]
