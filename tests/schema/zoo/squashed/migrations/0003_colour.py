from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("squashed", "0002_benches")]

    operations = [
        migrations.AddField("bench", "colour", models.CharField(max_length=20, default="green"))
    ]
