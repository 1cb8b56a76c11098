from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = []

    operations = [
        migrations.CreateModel(
            "Cage",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("size", models.IntegerField()),
            ],
        ),
    ]
