"""Search, second half: the index that PostgreSQL searches by, built while people write.

Without the list of pending entries: every search would read it through.
"""

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

import schema.operations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("chat", "0006_search_document")]

    operations = [
        schema.operations.AddPostgreSQLIndexOnline(
            model_name="chatmessage",
            index=GinIndex(
                models.Func("user", "created_at", "content", function="chat_search_document"),
                name="chat_messages_search_idx",
                fastupdate=False,
            ),
        ),
    ]
