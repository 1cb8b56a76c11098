"""Have PostgreSQL note which words of the search index are common, while people write.

By that a search knows how to go about (`chat.search.frequencies`). Autovacuum keeps it up to
date from here on, but first comes by once a tenth of the messages have changed.
"""

from django.db import migrations

import schema.operations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("chat", "0008_search_words")]

    operations = [
        schema.operations.RerunnableSQL(
            forward={"postgresql": ["ANALYZE chat_messages"]}, backward={}
        ),
    ]
