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
                ("means", models.CharField(max_length=9, default="foot")),
            ],
            options={
                "constraints": [
                    # PostgreSQL writes it in another way after a dump and a restore.
                    models.CheckConstraint(
                        condition=models.Q(means__in=["foot", "cart"]), name="visit_means"
                    )
                ]
            },
        ),
    ]
