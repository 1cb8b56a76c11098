"""Have PostgreSQL record which words of the search index are common, while people write.

The search chooses its plan by these statistics. Autovacuum keeps them up to date from here on, but
first runs when a tenth of the messages have changed.
"""

from django.db import migrations

import schema.operations


class Migration(migrations.Migration):
    # ANALYZE in a transaction would keep its lock until the end.
    atomic = False

    dependencies = [("chat", "0007_squashed_0008_search_words")]

    # This file named 0008_search_words, which is gone; what it does is the same.
    former_checksums = ("8db0288cecfb822e27dd9577d95fe400bda05b2f6bed3ebf44c6e8de22fad9bc",)

    operations = [
        schema.operations.RerunnableSQL(
            forward={"postgresql": ["ANALYZE chat_messages"]}, backward={}
        ),
    ]
