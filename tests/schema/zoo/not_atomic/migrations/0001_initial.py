from django.db import migrations, models

from tests.schema.zoo import calls


def forwards(apps, schema_editor):
    """Write what the release needs."""
    calls.forwards("not_atomic.0001_initial")
    apps.get_model("not_atomic", "Queue").objects.using(schema_editor.connection.alias).create(
        length=3
    )


def backwards(apps, schema_editor):
    """Take it back."""
    calls.backwards("not_atomic.0001_initial")
    apps.get_model("not_atomic", "Queue").objects.using(
        schema_editor.connection.alias
    ).all().delete()


class Migration(migrations.Migration):
    atomic = False
    dependencies = []

    operations = [
        migrations.CreateModel(
            "Queue",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("length", models.IntegerField(default=0)),
            ],
        ),
        migrations.RunPython(forwards, backwards),
        migrations.AddField("queue", "head", models.IntegerField(null=True)),
    ]
