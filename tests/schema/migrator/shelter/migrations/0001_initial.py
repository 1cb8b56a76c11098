from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            "Keeper",
            [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())],
            options={"db_table": "shelter_keeper"},
        ),
    ]
