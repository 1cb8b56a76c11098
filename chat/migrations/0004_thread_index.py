"""Step 3, threading: the index that conversations are read by."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0003_thread_backfill")]

    operations = [
        migrations.AddIndex(
            model_name="chatmessage",
            index=models.Index(
                fields=["thread", "created_at", "id"], name="chat_messages_thread_idx"
            ),
        ),
    ]
