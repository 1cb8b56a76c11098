from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("separate_state", "0002_renamed")]

    operations = [
        migrations.AddField("map", "scale", models.IntegerField(null=True)),
        migrations.AddIndex("map", models.Index(fields=["scale"], name="plans_scale")),
    ]
