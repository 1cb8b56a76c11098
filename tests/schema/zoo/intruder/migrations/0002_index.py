from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("intruder", "0001_column")]

    operations = [
        migrations.RunSQL(
            "DROP INDEX intruder_idx", "CREATE INDEX intruder_idx ON threads (title, created_at)"
        )
    ]
