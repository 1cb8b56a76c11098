import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def fill(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give every keeper a code and a nickname."""
    keepers = apps.get_model("shelter", "Keeper").objects.using(schema_editor.connection.alias)
    for keeper in keepers.all():
        keepers.filter(pk=keeper.pk).update(code=f"code {keeper.pk}", nick=keeper.name.lower())


class Migration(migrations.Migration):
    dependencies = [("shelter", "0001_initial")]
    operations = [
        migrations.CreateModel(
            "Cage",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=20, unique=True)),
                ("beside", models.ForeignKey("self", models.CASCADE, null=True)),
                ("owner", models.ForeignKey("shelter.Keeper", models.CASCADE)),
            ],
            options={"db_table": "shelter_cage"},
        ),
        migrations.AddIndex("Cage", models.Index(fields=["owner", "name"], name="cage_idx")),
        migrations.AddField(
            "Keeper",
            "favourite",
            models.ForeignKey("shelter.Cage", django.db.models.deletion.SET_NULL, null=True),
        ),
        migrations.AddField("Keeper", "code", models.CharField(max_length=20, null=True)),
        migrations.AddField("Keeper", "nick", models.TextField(null=True)),
        migrations.AddField("Keeper", "level", models.IntegerField(default=3)),
        migrations.AddField("Keeper", "helpers", models.ManyToManyField("shelter.Keeper")),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
