"""Step 3, threading: the messages from before the threads go into General."""

from django.db import migrations

# The trigger chat_messages_general_thread fills in what is left empty.
BACKFILL = "UPDATE chat_messages SET thread_id = NULL WHERE thread_id IS NULL"


class Migration(migrations.Migration):
    dependencies = [("chat", "0002_thread_link")]

    operations = [
        migrations.RunSQL(
            BACKFILL,
            migrations.RunSQL.noop,  # the link itself goes with the migration before
        ),
    ]
