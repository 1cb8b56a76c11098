from django.db import migrations

from tests.schema.zoo import calls


def forwards(apps, schema_editor):
    """Write what the release needs."""
    calls.forwards("data_only.0001_first")


def backwards(apps, schema_editor):
    """Take it back."""
    calls.backwards("data_only.0001_first")


class Migration(migrations.Migration):
    dependencies = []

    operations = [migrations.RunPython(forwards, backwards)]
