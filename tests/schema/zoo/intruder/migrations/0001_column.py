from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("threads", "0001_threads")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE threads ADD COLUMN intruder integer DEFAULT 5",
            "ALTER TABLE threads DROP COLUMN intruder",
        ),
        migrations.RunSQL(
            "CREATE INDEX intruder_idx ON threads (title, created_at)", "DROP INDEX intruder_idx"
        ),
    ]
