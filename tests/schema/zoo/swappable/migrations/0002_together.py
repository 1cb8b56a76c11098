from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("swappable", "0001_initial")]

    operations = [migrations.AlterUniqueTogether("visit", {("visitor", "day")})]
