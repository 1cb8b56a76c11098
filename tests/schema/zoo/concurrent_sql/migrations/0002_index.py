from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("concurrent_sql", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY gate_name ON concurrent_sql_gate (name)",
            "DROP INDEX gate_name",
        )
    ]
