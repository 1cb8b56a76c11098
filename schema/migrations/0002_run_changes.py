"""Record with each run what it made and removed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("schema", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="migrationrun",
            name="changes",
            field=models.JSONField(
                null=True,
                help_text="What the run made and removed, as read from the catalog right after it.",
            ),
        ),
        migrations.AlterField(
            model_name="migrationrun",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("running", "Running"),
                    ("succeeded", "Succeeded"),
                    ("failed", "Failed"),
                    ("interrupted", "Interrupted"),
                    ("adopted", "Adopted"),
                    ("found", "Taken as found"),
                ],
                default="running",
                max_length=11,
            ),
        ),
    ]
