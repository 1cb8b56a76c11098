from django.db import migrations, models

from tests.schema.zoo import calls


def forwards(apps, schema_editor):
    """Write what the release needs."""
    calls.forwards("squashed.0001_squashed_0003_colour")
    apps.get_model("squashed", "Bench").objects.using(schema_editor.connection.alias).create(
        place="Gate"
    )


def backwards(apps, schema_editor):
    """Take it back."""
    calls.backwards("squashed.0001_squashed_0003_colour")
    apps.get_model("squashed", "Bench").objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = []
    replaces = [
        ("squashed", "0001_initial"),
        ("squashed", "0002_benches"),
        ("squashed", "0003_colour"),
    ]

    operations = [
        migrations.CreateModel(
            "Bench",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("place", models.CharField(max_length=50)),
                ("colour", models.CharField(max_length=20, default="green")),
            ],
        ),
        migrations.RunPython(forwards, backwards),
    ]
