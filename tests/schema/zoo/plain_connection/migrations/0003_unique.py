from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("plain_connection", "0002_cages")]

    operations = [
        migrations.AddConstraint(
            "cage", models.UniqueConstraint(fields=["size"], name="one_of_a_size")
        ),
        migrations.AddField("cage", "note", models.TextField(null=True)),
    ]
