from django.db import migrations

from tests.schema.zoo import calls


def forwards(apps, schema_editor):
    """Write what the release needs."""
    calls.forwards("plain_objects.0002_animals")
    from tests.schema.zoo.plain_objects.models import Animal

    Animal.objects.create(name="Emu")


def backwards(apps, schema_editor):
    """Take it back."""
    calls.backwards("plain_objects.0002_animals")
    from tests.schema.zoo.plain_objects.models import Animal

    Animal.objects.filter(name="Emu").delete()


class Migration(migrations.Migration):
    dependencies = [("plain_objects", "0001_initial")]

    operations = [migrations.RunPython(forwards, backwards)]
