"""Search, second half: the index that PostgreSQL searches by, built while people write.

For databases that have neither of the two it replaces: the first one's index, which the
second drops again, is not built.
"""

from importlib import import_module

from django.db import migrations

words = import_module("chat.migrations.0008_search_words")


class Migration(migrations.Migration):
    atomic = False

    replaces = [("chat", "0007_search_index"), ("chat", "0008_search_words")]

    dependencies = [("chat", "0006_search_document")]

    operations = [*words.NEW, words.WITHOUT_OLD_FUNCTION]
