from django.db import migrations

from tests.schema.zoo import calls


def forwards(apps, schema_editor):
    """Write what the release needs."""
    calls.forwards("squashed.0002_benches")
    apps.get_model("squashed", "Bench").objects.using(schema_editor.connection.alias).create(
        place="Gate"
    )


def backwards(apps, schema_editor):
    """Take it back."""
    calls.backwards("squashed.0002_benches")
    apps.get_model("squashed", "Bench").objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [("squashed", "0001_initial")]

    operations = [migrations.RunPython(forwards, backwards)]
