from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("historical_model", "0002_keepers")]

    operations = [migrations.RemoveField("keeper", "badge")]
