"""The indexes that pinned and deleted threads are found by."""

from django.db import migrations, models

from schema.operations import AddIndexOnline


class Migration(migrations.Migration):
    # CREATE INDEX CONCURRENTLY lets people write meanwhile, and needs to be outside a transaction.
    atomic = False

    dependencies = [("threads", "0003_own_counts")]

    operations = [
        AddIndexOnline(
            model_name="thread",
            index=models.Index(
                fields=["deleted_at"],
                condition=models.Q(deleted_at__isnull=False),
                name="threads_deleted_idx",
            ),
        ),
        AddIndexOnline(
            model_name="thread",
            index=models.Index(
                fields=["user"],
                condition=models.Q(pinned_at__isnull=False),
                name="threads_pinned_idx",
            ),
        ),
    ]
