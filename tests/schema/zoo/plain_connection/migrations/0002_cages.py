from django.db import connection, migrations

from tests.schema.zoo import calls


def forwards(apps, schema_editor):
    """Write what the release needs."""
    calls.forwards("plain_connection.0002_cages")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO plain_connection_cage (size) VALUES (7)")


def backwards(apps, schema_editor):
    """Take it back."""
    calls.backwards("plain_connection.0002_cages")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM plain_connection_cage WHERE size = 7")


class Migration(migrations.Migration):
    dependencies = [("plain_connection", "0001_initial")]

    operations = [migrations.RunPython(forwards, backwards)]
