"""What the operator's commands remember."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="MigrationRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("app", models.CharField(max_length=255)),
                ("name", models.CharField(max_length=255)),
                (
                    "direction",
                    models.CharField(
                        choices=[("forwards", "Forwards"), ("backwards", "Backwards")], max_length=9
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("interrupted", "Interrupted"),
                            ("adopted", "Adopted"),
                        ],
                        default="running",
                        max_length=11,
                    ),
                ),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                ("error", models.TextField(db_default="")),
                (
                    "operator",
                    models.TextField(help_text="Operating system user and database role."),
                ),
                ("host", models.TextField()),
                (
                    "checksum",
                    models.CharField(
                        help_text="SHA-256 of the migration's syntax tree, without comments.",
                        max_length=64,
                    ),
                ),
            ],
            options={
                "db_table": "schema_migration_runs",
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="QuarantinedRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("table_name", models.TextField()),
                (
                    "row",
                    models.JSONField(help_text="Every column, as the database wrote it to JSON."),
                ),
                ("reason", models.TextField()),
                (
                    "quarantined_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "db_table": "schema_quarantine",
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="BatchProgress",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("app", models.CharField(max_length=255)),
                ("name", models.CharField(max_length=255)),
                ("step", models.CharField(max_length=255)),
                ("position", models.JSONField(help_text="The last key that was done.", null=True)),
                ("rows_done", models.BigIntegerField(db_default=0)),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "batch progress",
                "db_table": "schema_batch_progress",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("app", "name", "step"), name="schema_batch_progress_step_key"
                    )
                ],
            },
        ),
    ]
