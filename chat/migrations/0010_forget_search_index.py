"""Delete the record of a migration that no longer exists.

`0007_search_index` built the first form of the search index. Releases up to 1.0 recorded it
beside `0007_squashed_0008_search_words`, which does not name it among those it replaces: a
database that has nothing but the first form still needs all of that migration.
"""

from django.db import migrations

import schema.operations

FORGET = ["DELETE FROM django_migrations WHERE app = 'chat' AND name = '0007_search_index'"]


class Migration(migrations.Migration):
    dependencies = [("chat", "0009_word_statistics")]

    operations = [
        # No way back: the record would name a migration that does not exist.
        schema.operations.SQLByVendor(
            forward={"postgresql": FORGET, "sqlite": FORGET}, backward={}
        ),
    ]
