from django.contrib.postgres.fields import HStoreField
from django.contrib.postgres.operations import HStoreExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = []

    operations = [
        HStoreExtension(),
        migrations.CreateModel(
            "Label",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("values", HStoreField(default=dict)),
            ],
        ),
    ]
