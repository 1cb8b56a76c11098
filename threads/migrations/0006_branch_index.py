"""The index that the branches of a thread are found by, and the constraint of their key."""

from django.db import migrations, models

import schema.operations


class Migration(migrations.Migration):
    # CREATE INDEX CONCURRENTLY lets people write meanwhile, and needs to be outside a transaction.
    atomic = False

    dependencies = [("threads", "0005_branches")]

    operations = [
        schema.operations.AddIndexOnline(
            model_name="thread",
            index=models.Index(
                fields=["branch_of"],
                condition=models.Q(branch_of__isnull=False),
                name="threads_branch_idx",
            ),
        ),
        schema.operations.AddForeignKeyOnline("thread", "branch_of"),
    ]
