from django.contrib.postgres.operations import CITextExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = []

    operations = [
        CITextExtension(),
        migrations.CreateModel(
            "Ticket",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.TextField()),
            ],
        ),
        migrations.RunSQL(
            "ALTER TABLE case_insensitive_ticket ALTER COLUMN code TYPE citext",
            "ALTER TABLE case_insensitive_ticket ALTER COLUMN code TYPE text",
        ),
    ]
