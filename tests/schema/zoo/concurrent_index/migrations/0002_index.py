from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from tests.schema.zoo import calls


def forwards(apps, schema_editor):
    """Write what the release needs."""
    calls.forwards("concurrent_index.0002_index")
    schema_editor.execute("INSERT INTO concurrent_index_path (name) VALUES ('North')")


def backwards(apps, schema_editor):
    """Take it back."""
    calls.backwards("concurrent_index.0002_index")
    schema_editor.execute("DELETE FROM concurrent_index_path")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("concurrent_index", "0001_initial")]

    operations = [
        AddIndexConcurrently("path", models.Index(fields=["name"], name="path_name")),
        migrations.RunPython(forwards, backwards),
    ]
