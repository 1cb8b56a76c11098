from django.db import migrations

from tests.schema.zoo import calls


def forwards(apps, schema_editor):
    """Write to the first place that comes to mind."""
    calls.forwards("data_only.0002_second")
    ContentType = apps.get_model("contenttypes", "ContentType")
    ContentType.objects.get_or_create(app_label="data_only", model="ghost")


class Migration(migrations.Migration):
    dependencies = [("data_only", "0001_first"), ("contenttypes", "0002_remove_content_type_name")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
