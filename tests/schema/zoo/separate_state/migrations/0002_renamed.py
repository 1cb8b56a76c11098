from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("separate_state", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE separate_state_map RENAME TO plans",
                    "ALTER TABLE plans RENAME TO separate_state_map",
                )
            ],
            state_operations=[migrations.AlterModelTable("map", "plans")],
        )
    ]
