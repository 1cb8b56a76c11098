"""Find the samples of a persona by their words, on PostgreSQL.

The function of chat.0014 makes what messages are found by; the owner in this index is the persona.
"""

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

import schema.operations

TOKENS = models.Func("persona", "created_at", "text", function="chat_search_tokens")


class Migration(migrations.Migration):
    # An index can be built concurrently only outside a transaction.
    atomic = False

    dependencies = [
        ("personas", "0005_samples_from_metadata"),
        ("chat", "0014_search_folding_speed"),
    ]

    operations = [
        schema.operations.AddPostgreSQLIndexOnline(
            model_name="sample",
            # Without a pending list, which every search would have to read.
            index=GinIndex(TOKENS, name="personas_samples_tokens_idx", fastupdate=False),
        ),
    ]
