from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = []

    operations = [
        TrigramExtension(),
        migrations.CreateModel(
            "Sign",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("text", models.TextField()),
            ],
        ),
        migrations.AddIndex(
            "sign", GinIndex(fields=["text"], name="sign_trigram", opclasses=["gin_trgm_ops"])
        ),
    ]
