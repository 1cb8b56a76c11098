from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shelter", "0002_cages")]
    operations = [
        migrations.AlterField("Keeper", "code", models.CharField(max_length=20, unique=True)),
        migrations.AddConstraint(
            "Keeper",
            models.CheckConstraint(condition=models.Q(level__gte=0), name="keeper_level_check"),
        ),
        migrations.RunSQL(
            'CREATE TABLE shelter_note (id integer PRIMARY KEY, "Text" text)',
            "DROP TABLE IF EXISTS shelter_note",
        ),
        migrations.RunSQL(
            "ALTER TABLE shelter_keeper ADD COLUMN shoe integer",
            "ALTER TABLE shelter_keeper DROP COLUMN shoe",
        ),
    ]
