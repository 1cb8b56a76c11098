"""Record what a rollback set aside in place of dropping it."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("schema", "0002_run_changes"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeptObject",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("app", models.CharField(max_length=255)),
                ("name", models.CharField(max_length=255)),
                ("table_name", models.TextField()),
                ("column_name", models.TextField(db_default="", help_text="Empty for a table.")),
                (
                    "rows",
                    models.BigIntegerField(help_text="Rows with data, counted before.", null=True),
                ),
                (
                    "kept_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "details",
                    models.JSONField(help_text="What is needed to put it back.", default=dict),
                ),
                (
                    "returning",
                    models.BooleanField(
                        db_default=False,
                        help_text="It has its own name again, and its constraints follow.",
                    ),
                ),
            ],
            options={
                "db_table": "schema_kept",
                "ordering": ["id"],
            },
        ),
    ]
