from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            "Visit",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("visitor", models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)),
                ("day", models.DateField(null=True)),
            ],
        ),
    ]
