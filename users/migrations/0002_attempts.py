"""A table that counts attempts to log in, so that limits hold over all processes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0001_users")]

    operations = [
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("count", models.IntegerField(db_default=0, default=0)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "db_table": "attempts",
                "indexes": [models.Index(fields=["expires_at"], name="attempts_expires_idx")],
            },
        ),
    ]
