from django.db import migrations

from tests.schema.zoo import calls


def forwards(apps, schema_editor):
    """Write what the release needs."""
    calls.forwards("historical_model.0002_keepers")
    apps.get_model("historical_model", "Keeper").objects.create(name="Kim", badge=7)


def backwards(apps, schema_editor):
    """Take it back."""
    calls.backwards("historical_model.0002_keepers")
    apps.get_model("historical_model", "Keeper").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("historical_model", "0001_initial")]

    operations = [migrations.RunPython(forwards, backwards)]
